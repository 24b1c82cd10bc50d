// Every page of registers: in two languages, two looks, on desk and phone; nothing that axe finds, no sideways scroll.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axeFinds, lacking, openPage, shots, sideways, signIn } from './city.mjs';
import { openShops } from './shops.mjs';

let city;

before(async () => { if (!lacking) city = await openShops(); });
after(async () => { await city?.close(); });

const opened = async (tab, hash, there) => {
	await tab.page.goto(`${city.url}/#/${hash}`);
	await tab.by(there).first().waitFor();
};

async function look(tab, name) {
	await tab.page.waitForLoadState('networkidle', { timeout: 1500 }).catch(() => undefined); // the stream stays open
	await tab.page.screenshot({ path: join(shots, `registers-${name}.png`) });
	assert.deepEqual(await axeFinds(tab.page), [], name);
	assert.equal(await sideways(tab.page), false, `${name} scrolls sideways`);
}

const sizes = [
	{ name: 'desk', width: 1440, height: 900, theme: 'light', lang: 'zh' },
	{ name: 'desk-en', width: 1440, height: 900, theme: 'dark', lang: 'en' },
	{ name: 'phone', width: 390, height: 844, theme: 'light', lang: 'zh' },
	{ name: 'phone-en', width: 390, height: 844, theme: 'dark', lang: 'en' },
];

for (const size of sizes)
	test(`registers at ${size.name}`, { skip: lacking }, async () => {
		const tab = await openPage(city, size), { page, by } = tab, { name } = size;

		await signIn(tab, city, 'clerk');
		await by('nav-registers').click();
		await by('kind-shop').waitFor();
		await look(tab, `${name}-1-kinds`);
		await opened(tab, 'registers/shop', 'record-row');
		await look(tab, `${name}-2-list`);
		await opened(tab, 'registers/shop?state=open&f.trade=food,fresh&f.area=50..400', 'record-row');
		if (size.width <= 720)
			await by('filters-open').click();
		await by('filters-all').click();
		await look(tab, `${name}-3-filters`);
		await opened(tab, 'registers/shop?state=open,paused&view=map', 'on-map');
		if (size.width <= 720)
			await by('filters-open').click();
		await page.locator('[data-test=register-map] [data-idle]').waitFor();
		assert.match(await by('on-map').innerText(), /90/);
		await by('step-on').click();
		await by('map-card').waitFor();
		await by('register-map').scrollIntoViewIfNeeded();
		await look(tab, `${name}-9-map`);
		await by('search-here').click();
		await by('on-map').waitFor();
		assert.match(page.url(), /box=1\d\d\./);
		await by('as-list').click();
		await by('record-row').first().waitFor();
		await opened(tab, 'registers/shop/S003', 'doubt');
		await page.locator('[data-test=place-map] [data-idle]').waitFor();
		await look(tab, `${name}-4-record`);
		await by('tab-history').click();
		await by('version').first().waitFor();
		await look(tab, `${name}-5-history`);
		await opened(tab, 'registers/shop/S003/edit', 'save');
		await look(tab, `${name}-6-form`);
		await opened(tab, 'registers/shop/import', 'template');
		await by('set').first().waitFor();
		await look(tab, `${name}-7-import`);
		await by('set').first().click();
		await by('import-row').first().waitFor();
		await look(tab, `${name}-8-changeset`);
		if (size.width <= 720) {
			const small = await page.locator('button:visible, select:visible, a.button:visible, nav a:visible').evaluateAll((list) => list.filter((b) => b.getBoundingClientRect().height < 44).map((b) => b.outerHTML.slice(0, 80)));
			assert.deepEqual(small, [], 'thumbs need room');
		}
		assert.ok(await page.getByTestId('watermark').count() > 0, 'who looks is written over the page');
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	});

test('the map of a register without WebGL', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900, noWebgl: true }), { page, by } = tab;

	await signIn(tab, city, 'clerk');
	await opened(tab, 'registers/shop?view=map', 'on-map');
	await page.locator('[data-test=register-map][data-kind=svg]').waitFor();
	assert.equal(await by('point').count(), 120);
	await by('point').last().click();
	await by('map-card').waitFor();
	await look(tab, 'map-flat');
	await page.keyboard.press('Escape');
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});
