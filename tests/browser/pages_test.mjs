// Every page: in two languages, two looks, three sizes; nothing from elsewhere, nothing that axe finds, no sideways scroll.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axeFinds, lacking, openCity, openPage, shots, sideways, signIn, trouble } from './city.mjs';

let city;

before(async () => {
	if (lacking)
		return;
	city = await openCity();
	await trouble(city);
});
after(async () => { await city?.close(); });

const sizes = [
	{ name: 'hall', width: 1920, height: 1080, theme: 'dark', lang: 'zh' },
	{ name: 'hall-en', width: 1920, height: 1080, theme: 'dark', lang: 'en' },
	{ name: 'desk', width: 1366, height: 768, theme: 'light', lang: 'zh' },
	{ name: 'desk-en', width: 1366, height: 768, theme: 'light', lang: 'en' },
	{ name: 'phone', width: 390, height: 844, theme: 'light', lang: 'zh' },
	{ name: 'phone-en', width: 390, height: 844, theme: 'dark', lang: 'en' },
];

async function look(tab, name) {
	await tab.page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => undefined); // the stream stays open
	await tab.page.screenshot({ path: join(shots, `${name}.png`) });
	assert.deepEqual(await axeFinds(tab.page), [], name);
	assert.equal(await sideways(tab.page), false, `${name} scrolls sideways`);
}

for (const size of sizes)
	test(`pages at ${size.name}`, { skip: lacking }, async () => {
		const tab = await openPage(city, size), { page, by } = tab, { name } = size;

		await page.goto(city.url);
		await by('sign-in').waitFor();
		await look(tab, `${name}-1-sign-in`);
		await signIn(tab, city, 'duty');
		await page.locator('[data-test=stream][data-state=live]').waitFor();
		assert.ok(await by('demo').first().isVisible(), 'demo data is called so');
		if (size.width > 720) {
			await by('row').first().waitFor();
			await by('history').waitFor();
			await page.locator('[data-test=map] [data-idle]').waitFor();
		} else
			await by('card').first().waitFor().catch(() => by('all').click());
		await look(tab, `${name}-2-first`);
		const id = (await city.api('duty', '/api/v1/cases?state=open')).items[0].id;
		for (const [k, hash, there] of [['3-cases', '#/cases', 'case-row'], ['4-case', `#/cases/${id}`, 'history'], ['5-thing', '#/things/YC-GAS-0001', 'chart'], ['6-indicators', '#/indicators', 'ind-case_on_time_rate']]) {
			await page.goto(`${city.url}/${hash}`);
			await by(there).first().waitFor();
			if (there === 'history')
				await page.locator('[data-test=flow][data-drawn]').waitFor();
			await look(tab, `${name}-${k}`);
		}
		if (size.lang === 'en') {
			await by('lang').click();
			assert.equal(await page.locator('html').getAttribute('lang'), 'zh-CN');
			await page.reload();
			await by('nav-cases').filter({ hasText: '案件' }).waitFor();
		}
		if (size.width <= 720) {
			const small = await page.locator('button:visible, select:visible, a.button:visible, nav a:visible').evaluateAll((list) => list.filter((b) => b.getBoundingClientRect().height < 44 && !b.closest('.cards, .djs-container')).map((b) => b.outerHTML.slice(0, 80)));
			assert.deepEqual(small, [], 'thumbs need room');
		}
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	});

test('without WebGL the map is drawn as SVG', { skip: lacking }, async () => {
	const tab = await openPage(city, { noWebgl: true });

	await signIn(tab, city, 'duty');
	await tab.page.locator('[data-test=map][data-kind=svg] path.area').nth(8).waitFor();
	await tab.by('marker').first().click();
	await look(tab, 'hall-svg');
	assert.deepEqual(tab.faults, []);
	await tab.page.context().close();
});

test('keys move through the queue, a field swallows them, ? explains', { skip: lacking }, async () => {
	const tab = await openPage(city);

	await signIn(tab, city, 'duty');
	await tab.by('row').nth(1).waitFor();
	const chosen = () => tab.page.locator('[data-test=row][aria-current=true]').getAttribute('data-case');
	const first = await chosen();
	await tab.page.keyboard.press('j');
	assert.notEqual(await chosen(), first);
	await tab.page.keyboard.press('k');
	assert.equal(await chosen(), first);
	await tab.by('note').waitFor();
	await tab.by('note').focus();
	await tab.page.keyboard.type('jjk');
	assert.equal(await chosen(), first);
	await tab.page.locator('h1').first().click();
	await tab.page.keyboard.press('?');
	await tab.by('help').waitFor();
	await tab.page.keyboard.press('Escape');
	await tab.page.context().close();
});
