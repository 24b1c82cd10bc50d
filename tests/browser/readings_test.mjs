// The page of the readings: what they take, how long they are kept, and a deletion in two steps; in both languages, on a phone too.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { axeFinds, goManage, lacking, openCity, openPage, shots, sideways, signIn } from './city.mjs';

const top = join(dirname(fileURLToPath(import.meta.url)), '../..');
const day = 86400;
let city;

before(async () => {
	if (lacking)
		return;
	city = await openCity({ packs: [join(top, 'tests/data/packs/keep')] });
	await city.write(Array.from({ length: 500 }, (_, i) => ({ metric: 'ch4_lel', thing: 'YC-GAS-0001', value: i % 7, ago: 30 * day + i * 60 })));
	await city.write(Array.from({ length: 500 }, (_, i) => ({ metric: 'temperature', thing: 'YC-WL-0001', value: i % 9, ago: i * 60 })));
});
after(async () => { await city?.close(); });

async function look(tab, name) {
	await tab.page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
	assert.deepEqual(await axeFinds(tab.page), [], name);
	assert.equal(await sideways(tab.page), false, `${name} scrolls sideways`);
	assert.deepEqual(tab.faults, [], name);
}

test('an administrator looks, counts, and deletes', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'zh', theme: 'light', width: 1366, height: 768 }), { page, by } = tab;

	await signIn(tab, city, 'admin');
	await goManage(tab, 'readings');
	await by('class-gas').waitFor();
	assert.match(await by('class-gas').textContent(), /20 天/);
	assert.match(await by('class-climate').textContent(), /5 年/);
	await look(tab, 'readings-1-page');
	await by('look').click();
	await by('class-gas').getByTestId('due').waitFor();
	assert.match(await by('class-gas').getByTestId('due').textContent(), /500/);
	await by('selectors').fill('ch4_lel{thing="YC-GAS-0001"}\nsum(nothing)');
	await by('reason').fill('传感器校准前的读数');
	await by('ask').click();
	await by('refused').waitFor();
	assert.equal(tab.faults.splice(0).length, 1, 'the refusal');
	await look(tab, 'readings-2-refused');
	await by('selectors').fill('ch4_lel{thing="YC-GAS-0001"}');
	await by('ask').click();
	await by('removal-open').waitFor();
	assert.match(await by('counted').textContent(), /500/);
	await look(tab, 'readings-3-counted');
	await by('confirm').click();
	await by('sure').waitFor();
	await page.screenshot({ path: join(shots, 'readings-4-sure.png') });
	await by('sure').getByTestId('dialog-yes').click();
	await by('removal-done').waitFor();
	assert.match(await by('removal-done').textContent(), /500/);
	await look(tab, 'readings-5-done');
	await tab.close?.();
});

test('in English, dark, on a phone', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'en', theme: 'dark', width: 390, height: 844 }), { page, by } = tab;

	await signIn(tab, city, 'admin');
	await page.goto(`${city.url}/#/readings`);
	await by('removal-done').waitFor();
	await by('look').click();
	await by('class-climate').getByTestId('due').waitFor();
	await look(tab, 'readings-6-phone');
	await page.goto(`${city.url}/#/audit`);
	await page.getByTestId('sentence').filter({ hasText: 'deleted 500 readings' }).waitFor();
	await look(tab, 'readings-7-audit');
});

/* How long one runs is the machine's affair: the answers about it are ours here, the pages and what they ask are not. */
test('one that runs is stopped, and one that failed says why', { skip: lacking }, async () => {
	const asked = await city.api('admin', '/api/v1/series/removals', 'POST', { selectors: ['temperature'], start: '', end: '', reason: '停止一次删除' });

	for (const lang of ['zh', 'en']) {
		const tab = await openPage(city, { lang, theme: lang === 'zh' ? 'light' : 'dark', width: 1366, height: 768 }), { page, by } = tab;
		let now = { state: 'running', done: 3, files: 52 }, stops = 0;

		await page.route(`**/api/v1/series/removals`, async (r) => {
			const answer = await r.fetch(), body = await answer.json();

			await r.fulfill({ response: answer, json: { items: body.items.map((x) => x.id === asked.id ? { ...x, ...now } : x) } });
		});
		await page.route(`**/api/v1/series/removals/${asked.id}/stop`, async (r) => {
			stops += r.request().method() === 'POST' && r.request().headers()['x-csrf-token'] ? 1 : 0;
			now = { ...now, state: 'stopping' };
			await r.fulfill({ status: 202, json: { ...asked, ...now } });
		});
		await signIn(tab, city, 'admin');
		await page.goto(`${city.url}/#/readings`);
		await by('removal-running').waitFor();
		assert.match(await by('removal-running').textContent(), /52.*3|3.*52/);
		await look(tab, `readings-8-running-${lang}`);
		await by('removal-running').getByTestId('stop').click();
		await by('removal-stopping').waitFor();
		assert.equal(await by('stop').count(), 0, 'it is told once');
		assert.equal(stops, 1);
		now = { state: 'stopped', removed: 1234, freed: 4096, ended: '2026-07-14T00:00:00Z' };
		await by('removal-stopped').waitFor();
		assert.match(await by('removal-stopped').textContent(), /1,234/);
		await look(tab, `readings-9-stopped-${lang}`);
		now = { state: 'failed', why: 'week-2950.blk: the disk does not give a page' };
		await page.reload();
		await by('removal-failed').waitFor();
		assert.match(await by('removal-failed').textContent(), /week-2950\.blk/);
		await look(tab, `readings-10-failed-${lang}`);
		await page.context().close();
	}
	await city.api('admin', `/api/v1/series/removals/${asked.id}/refuse`, 'POST').catch(() => undefined); // it answers without a body
});

test('who is no administrator is told so', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'en', theme: 'light', width: 1366, height: 768 }), { page, by } = tab;

	await signIn(tab, city, 'duty');
	assert.equal(await by('nav-readings').count(), 0);
	await page.goto(`${city.url}/#/readings`);
	await by('empty').waitFor();
});
