// The page of the map: tiles and clusters, what is in view in numbers and as a list, chips, live changes, both sizes
// and languages, and a machine without WebGL.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
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
after(() => city?.close());

const open = async (tab, query = '') => {
	await tab.page.goto(`${city.url}/#/map${query}`);
	await tab.by('list').or(tab.by('list-none')).waitFor();
};
const total = async (tab) => Number((await tab.by('total').locator('b').innerText()).replaceAll(',', ''));
const becomes = async (look, wanted) => {
	for (let i = 0; i < 100; i++) {
		if (wanted(await look()))
			return;
		await new Promise((done) => setTimeout(done, 100));
	}
	assert.fail(`it stays ${await look()}`);
};

for (const lang of ['zh', 'en'])
	for (const [name, size] of Object.entries({ desktop: { width: 1440, height: 900, theme: 'dark' }, light: { width: 1440, height: 900, theme: 'light' }, phone: { width: 390, height: 844, theme: 'light' } }))
		test(`looks well: ${lang} ${name}`, { skip: lacking }, async () => {
			const tab = await openPage(city, { ...size, lang }), { page, faults } = tab;

			await signIn(tab, city, 'duty');
			await open(tab);
			await page.locator('[data-test=tile-map][data-idle], [data-kind=svg]').first().waitFor();
			await page.screenshot({ path: join(shots, `map-${lang}-${name}.png`), fullPage: name === 'phone' });
			assert.deepEqual(await axeFinds(page), []);
			assert.equal(await sideways(page), false);
			assert.deepEqual(faults, []);
			await page.context().close();
		});

test('chips narrow map, numbers and list; the address keeps them', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by, faults } = tab;

	await signIn(tab, city, 'duty');
	await open(tab);
	await becomes(() => total(tab), (n) => n === 500);
	await by('kind-street-light').click();
	await becomes(() => total(tab), (n) => n > 0 && n < 500);
	await by('level-1').click();
	assert.match(page.url(), /kind=street-light/);
	assert.match(page.url(), /level=1/);
	await page.reload();
	await by('kind-street-light').and(page.locator('[aria-pressed=true]')).waitFor();
	await by('clear').click();
	await becomes(() => total(tab), (n) => n === 500);
	await by('of-alarms').click();
	await becomes(() => total(tab), (n) => n > 3 && n < 50);
	const alarms = await total(tab);
	assert.equal(await by('list').locator('li').count(), alarms);
	await by('list').locator('.row').first().click();
	await by('list').locator('li.chosen').waitFor();
	assert.deepEqual(faults, []);
	await page.context().close();
});

test('a cluster opens when it is pressed, and what happens comes by itself', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by, faults } = tab;

	await signIn(tab, city, 'duty');
	await open(tab);
	if (await page.locator('[data-kind=svg]').count())
		return; /* no WebGL on this machine: nothing to press */
	await page.locator('[data-test=tile-map][data-idle]').waitFor();
	await becomes(() => total(tab), (n) => n === 500);
	/* Somewhere around the middle there is one. */
	const [x, y] = await page.evaluate(() => {
		const r = document.querySelector('[data-test=tile-map] canvas').getBoundingClientRect();

		return [r.left + r.width / 2, r.top + r.height / 2];
	});
	for (let ring = 0; ring < 60 && await total(tab) === 500; ring++) {
		await page.mouse.click(x + 6 * ring * Math.cos(ring), y + 6 * ring * Math.sin(ring));
		await page.waitForTimeout(700);
	}
	assert(await total(tab) < 500);
	await page.screenshot({ path: join(shots, 'map-near.png') });

	await open(tab, '?of=alarms');
	await by('of-alarms').and(page.locator('[aria-pressed=true]')).waitFor();
	await becomes(() => total(tab), (n) => n > 3);
	const alarms = await total(tab);
	const tiles = page.waitForResponse((r) => r.url().includes('/tiles/alarms/'));
	await city.write([{ metric: 'ch4_lel', thing: 'YC-GAS-0010', value: 40 }]);
	await city.advance(30);
	await tiles;
	await becomes(() => total(tab), (n) => n > alarms);
	assert.deepEqual(faults, []);
	await page.context().close();
});

test('without WebGL the list and what it holds are there', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900, noWebgl: true }), { page, by, faults } = tab;

	await signIn(tab, city, 'duty');
	await open(tab);
	await by('point').first().waitFor();
	assert.equal(await by('point').count(), 100);
	assert.equal(await by('list').locator('li').count(), 100);
	await page.screenshot({ path: join(shots, 'map-flat.png') });
	assert.deepEqual(await axeFinds(page), []);
	assert.deepEqual(faults, []);
	await page.context().close();
});

/* A base map in GCJ-02, from another host: what is drawn is shifted to it, what is picked is not. */
test('lies where the base map shows it', { skip: lacking }, async () => {
	const green = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4cWUfAATCAluM/NKqAAAAAElFTkSuQmCC', 'base64');
	const asked = [];
	const maps = createServer((r, a) => {
		asked.push(r.url);
		a.writeHead(200, { 'Content-Type': 'image/png', 'Access-Control-Allow-Origin': '*' }).end(green);
	});

	await new Promise((done) => maps.listen(0, '127.0.0.1', done));
	const other = `http://127.0.0.1:${maps.address().port}`;
	const shifted = await openCity({ settings: ['--map-tiles', `${other}/{z}/{x}/{y}.png`, '--map-crs', 'gcj02', '--map-credit', '底图 GS(2026)0001号'] });

	try {
		const one = await shifted.api('duty', '/api/v1/things/YC-GAS-0001'), there = await shifted.api('duty', '/api/v1/things/YC-GAS-0001?crs=gcj02');
		const around = (p, d) => [p.lon - d, p.lat - d, p.lon + d, p.lat + d].map((v) => v.toFixed(5)).join(',');

		assert(Math.abs(one.lon - there.lon) > 0.003);
		for (const lang of ['zh', 'en']) {
			const tab = await openPage(shifted, { width: 1440, height: 900, lang, theme: lang === 'zh' ? 'light' : 'dark', other }), { page, by, faults } = tab;

			await signIn(tab, shifted, 'admin');
			await page.goto(`${shifted.url}/#/map?box=${around(there, 0.0008)}`);
			await by('list').waitFor();
			if (await page.locator('[data-kind=svg]').count())
				return; /* no WebGL on this machine */
			await page.locator('[data-test=tile-map][data-idle]').waitFor();
			await page.screenshot({ path: join(shots, `map-base-${lang}.png`) });
			assert.match(await by('map-credit').textContent(), /GS\(2026\)0001/);
			assert(asked.some((u) => /^\/\d+\/\d+\/\d+\.png$/.test(u)), 'the base map is asked for');
			const canvas = await page.locator('[data-test=tile-map] canvas').boundingBox();
			await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
			await by('list').locator('li.chosen', { hasText: 'YC-GAS-0001' }).waitFor();
			assert.deepEqual(await axeFinds(page), []);
			/* On a map of one place: it is marked where it lies, and a press there is in WGS-84 again. */
			await page.goto(`${shifted.url}/#/registers/${one.kind}/new`);
			await by('own-place-coords').selectOption('gcj02');
			await by('own-place-lon').fill(`${there.lon}, ${there.lat}`);
			await by('own-place-map').click();
			await page.locator('[data-test=place-map] [data-idle]').waitFor();
			await by('place-map').screenshot({ path: join(shots, `map-base-place-${lang}.png`) });
			const small = await page.locator('[data-test=place-map] canvas').boundingBox();
			await page.mouse.click(small.x + small.width / 2 + 60, small.y + small.height / 2);
			await by('own-place-lon').evaluate((e, was) => new Promise((done) => { const look = () => e.value !== was ? done() : setTimeout(look, 50); look(); }), String(there.lon));
			const [lon, lat] = [Number(await by('own-place-lon').inputValue()), Number(await by('own-place-lat').inputValue())];
			/* 60 points at that zoom are 0.116 degrees; a place that was not turned back would be 0.005 off. */
			const wide = 60 * 360 / (512 * 2 ** 9.5);
			assert(Math.abs(lon - there.lon - wide) < 0.002, `${lon} is not ${there.lon + wide}`);
			assert(Math.abs(lat - there.lat) < 0.001, `${lat} is not ${there.lat}`);
			assert.deepEqual(faults, []);
			await page.context().close();
		}
	} finally {
		await shifted.close();
		maps.close();
	}
});
