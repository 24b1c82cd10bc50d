// From a device that nobody knows to a thing and back, by hand; and how devices are.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axeFinds, goManage, lacking, openCity, openPage, shots, signIn } from './city.mjs';

let city;

before(async () => {
	if (lacking)
		return;
	city = await openCity();
	await city.write([{ metric: 'ch4_lel', thing: 'NEW-7001', value: 3.5 }, { metric: 'temperature', thing: 'NEW-7001', value: 21 },
		{ metric: 'ch4_lel', thing: 'NEW-7002', value: 1 }, { metric: 'ch4_lel', thing: 'YC-GAS-0002', value: 2, ago: 900 }]);
	await city.advance(15);
});
after(async () => { await city?.close(); });

test('a device that nobody knows is adopted, and let go again', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

	await signIn(tab, city, 'admin');
	await goManage(tab, 'devices');
	await by('device-NEW-7001').filter({ hasText: 'ch4_lel 3.5' }).waitFor();
	await page.screenshot({ path: `${shots}/devices-zh.png`, fullPage: true });
	assert.deepEqual(await axeFinds(page), []);
	await by('device-NEW-7001').getByTestId('adopt').click();
	assert.equal(await by('adopt-kind').inputValue(), 'gas-sensor'); /* what it measures says so */
	await by('adopt-name').fill('新装监测点');
	await page.screenshot({ path: `${shots}/devices-adopt-zh.png` });
	await by('adopt-dialog').getByTestId('dialog-yes').click();
	await by('device-NEW-7001').waitFor({ state: 'detached' });
	await by('state-adopted').click();
	await by('device-NEW-7001').getByTestId('to-thing').click();
	await by('thing').filter({ hasText: '新装监测点' }).waitFor();
	await by('thing').filter({ hasText: '3.5' }).waitFor(); /* what it sent before is its own */
	await page.goBack();
	await by('state-adopted').click();
	await by('device-NEW-7001').getByTestId('undo').click();
	await by('device-NEW-7001').waitFor({ state: 'detached' });
	await by('state-waiting').click();
	await by('device-NEW-7001').waitFor();
	await by('device-NEW-7002').getByTestId('block').click();
	await by('device-NEW-7002').waitFor({ state: 'detached' });
	await assert.rejects(city.write([{ metric: 'ch4_lel', thing: 'NEW-7002', value: 1 }]), /blocked/);
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('a device is merged into another', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900, lang: 'en', theme: 'light' }), { page, by } = tab;

	await signIn(tab, city, 'admin');
	await page.goto(`${city.url}/#/devices`);
	await by('device-NEW-7001').getByTestId('merge').click();
	await by('merge-kind').selectOption('gas-sensor');
	await by('merge-dialog').getByTestId('picker').fill('YC-GAS-0001');
	await by('choice').first().click();
	await by('merge-dialog').getByTestId('dialog-yes').click();
	await by('device-NEW-7001').waitFor({ state: 'detached' });
	await city.write([{ metric: 'ch4_lel', thing: 'NEW-7001', value: 7.25 }]);
	await page.goto(`${city.url}/#/things/YC-GAS-0001`);
	await by('thing').filter({ hasText: '7.25' }).waitFor();
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('what is amiss with devices is counted, listed and told', { skip: lacking }, async () => {
	for (const [lang, width, height, name] of [['zh', 1440, 900, 'desk-zh'], ['en', 1440, 900, 'desk-en'], ['zh', 390, 844, 'phone-zh'], ['en', 390, 844, 'phone-en']]) {
		const tab = await openPage(city, { width, height, lang, theme: 'light' }), { page, by } = tab;

		await signIn(tab, city, 'admin');
		await page.goto(`${city.url}/#/devices?health=skewed`);
		await by('amiss-thing').filter({ hasText: 'YC-GAS-0002' }).waitFor();
		await by('health-flag').first().waitFor();
		await by('unknown').waitFor();
		await page.screenshot({ path: `${shots}/devices-health-${name}.png`, fullPage: true });
		assert.deepEqual(await axeFinds(page), []);
		await by('amiss-thing').getByRole('link').first().click();
		await by('thing-health').waitFor();
		await page.screenshot({ path: `${shots}/devices-thing-${name}.png`, fullPage: true });
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	}
});
