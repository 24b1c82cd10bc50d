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

test('who is no administrator is told so', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'en', theme: 'light', width: 1366, height: 768 }), { page, by } = tab;

	await signIn(tab, city, 'duty');
	assert.equal(await by('nav-readings').count(), 0);
	await page.goto(`${city.url}/#/readings`);
	await by('empty').waitFor();
});
