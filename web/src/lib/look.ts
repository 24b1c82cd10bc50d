/* Dark or light, and whether this is a phone. */
import { ref, watchEffect } from 'vue';

export type Theme = 'dark' | 'light';

const kept = localStorage.getItem('heming.theme');

/* Dark suits the hall with its large screens, light the office and the phone. */
export const theme = ref<Theme>(kept === 'dark' || kept === 'light' ? kept : window.innerWidth >= 1600 ? 'dark' : 'light');

watchEffect(() => { document.documentElement.dataset.theme = theme.value; });

export function switchTheme(): void {
	theme.value = theme.value === 'dark' ? 'light' : 'dark';
	localStorage.setItem('heming.theme', theme.value);
}

const narrow = window.matchMedia('(max-width: 720px)');
export const phone = ref(narrow.matches);
narrow.addEventListener('change', () => { phone.value = narrow.matches; });

export function token(name: string): string {
	return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
