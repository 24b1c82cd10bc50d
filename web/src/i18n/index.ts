/* Words in two languages; the choice is remembered on this device. */
import { ref, watchEffect } from 'vue';
import { en } from './en';
import { zh, type Key, type Words } from './zh';

export type Lang = 'zh' | 'en';
export type { Key };

const dictionaries: Record<Lang, Words> = { zh, en };
const hasPage = typeof document !== 'undefined';

function remembered(): Lang {
	const kept = hasPage ? localStorage.getItem('heming.lang') : null;

	if (kept === 'zh' || kept === 'en')
		return kept;
	return hasPage && /^en/i.test(navigator.language) ? 'en' : 'zh';
}

export const lang = ref<Lang>(remembered());

export function setLang(to: Lang): void {
	lang.value = to;
	if (hasPage)
		localStorage.setItem('heming.lang', to);
}

if (hasPage)
	watchEffect(() => {
		document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en';
	});

export function fill(text: string, values?: Record<string, string | number>): string {
	return values ? text.replace(/\{(\w+)\}/g, (whole, key: string) => String(values[key] ?? whole)) : text;
}

export function t(key: Key, values?: Record<string, string | number>): string {
	return fill(dictionaries[lang.value][key], values);
}

/* For keys made of what the server says, as `stage.` + stage: an unknown one is shown as it is. */
export function tMaybe(prefix: string, word: string): string {
	return (dictionaries[lang.value] as Record<string, string>)[prefix + word] ?? word;
}

/* The keys that begin so, in the dictionary's order. */
export const wordsOf = (prefix: string) => Object.keys(zh).filter((key) => key.startsWith(prefix));

/* name or name_en, whichever the reader reads. */
export function named(x: { name: string; name_en?: string } | undefined, otherwise = ''): string {
	if (!x)
		return otherwise;
	return (lang.value === 'en' && x.name_en) || x.name || otherwise;
}
