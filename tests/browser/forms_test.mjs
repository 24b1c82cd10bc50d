// A task with a form: form-js draws it, says what is wrong in the reader's language, and the server takes what it gave.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axeFinds, lacking, openCity, openPage, shots, sideways, signIn } from './city.mjs';

const top = new URL('../..', import.meta.url).pathname;
let city;

before(async () => {
	if (!lacking)
		city = await openCity({ packs: [join(top, 'tests/data/packs/permit'), join(top, 'tests/data/packs/starts')] });
});
after(async () => { await city?.close(); });

const opened = () => city.api('duty', '/api/v1/cases', 'POST', { category: 'permit', title: '校门口占道设摊', region: '320902', source: 'hotline' });

test('a form is filled in and ends its task', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'zh', theme: 'dark', width: 1440, height: 1000 }), { page, by } = tab;
	const { id } = await opened();

	await signIn(tab, city, 'duty');
	await page.goto(`${city.url}/#/cases/${id}`);
	await by('act-done').click();
	await page.getByLabel('占道长度').waitFor();
	await by('form-send').click();
	await page.getByText('必填').first().waitFor();
	assert.equal(await page.getByText('必填').count(), 2);
	assert.equal(await page.getByLabel('联系电话').count(), 0, 'hidden until it is about works');
	await page.getByLabel('施工').check();
	await page.getByLabel('联系电话').fill('139');
	await page.getByLabel('占道长度').fill('300');
	await by('form-send').click();
	await page.getByText('须为带国家代码的电话号码').waitFor();
	await page.getByText('不得大于 200').waitFor();
	await by('flow-bare').waitFor();
	await page.screenshot({ path: join(shots, 'form-faults.png') });
	assert.deepEqual(await axeFinds(page), []);
	assert.equal(await sideways(page), false);
	await page.getByLabel('联系电话').fill('+8613912345678');
	await page.getByLabel('占道长度').fill('12.5');
	await page.getByLabel('占道长度').fill('12.5');
	await by('form-send').click();
	await by('act-pass').waitFor();
	// What was computed has reached the next form.
	await by('act-pass').click();
	await page.getByLabel('费用').waitFor();
	assert.equal(await page.getByLabel('费用').inputValue(), '25');
	await by('form-cancel').click();
	assert.equal(await by('task-form').count(), 0);
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('another outcome asks for something else, in English and in the light', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'en', theme: 'light', width: 400, height: 900 }), { page, by } = tab;
	const { id } = await opened();

	await signIn(tab, city, 'duty');
	await page.goto(`${city.url}/#/cases/${id}`);
	await by('act-returned').click();
	await page.getByLabel('退回原因').waitFor();
	assert.equal(await page.getByLabel('占道长度').count(), 0);
	await by('form-send').click();
	await page.getByText('Field is required.').waitFor();
	assert.deepEqual(await axeFinds(page), []);
	assert.equal(await sideways(page), false);
	await page.getByLabel('退回原因').fill('不在辖区');
	await by('form-send').click();
	await by('act-pass').waitFor();
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('the demo case has a form, on the phone too', { skip: lacking }, async () => {
	const { id } = await city.api('duty', '/api/v1/cases', 'POST', { category: 'gas-leak', title: '路边有燃气味', region: '320902', source: 'hotline', org: 'zhujian-320902' });

	for (const [lang, theme, width] of [['zh', 'light', 390], ['en', 'dark', 1440]]) {
		const tab = await openPage(city, { lang, theme, width, height: 900 }), { page, by } = tab;

		await signIn(tab, city, 'worker');
		await page.goto(`${city.url}/#/cases/${id}`);
		await by('act-done').click();
		await page.getByLabel('属实').check();
		await page.getByLabel('关闭或隔离').waitFor();
		await page.getByLabel('还需后续整改').check();
		await by('form-send').click();
		await page.getByText(lang === 'zh' ? '必填' : 'Field is required.').waitFor();
		await by('task-form').scrollIntoViewIfNeeded();
		await page.screenshot({ path: join(shots, `form-demo-${lang}.png`), fullPage: true });
		assert.deepEqual(await axeFinds(page), []);
		assert.equal(await sideways(page), false);
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	}
});

test('a service that could not be done is failed by its error code', { skip: lacking }, async () => {
	const { id } = await city.api('duty', '/api/v1/cases', 'POST', { category: 'repair', title: '泵站检修', region: '320902', source: 'hotline' });

	for (const [lang, theme, width] of [['zh', 'light', 390], ['en', 'dark', 1440]]) {
		const tab = await openPage(city, { lang, theme, width, height: 900 }), { page, by } = tab;

		await signIn(tab, city, 'duty');
		await page.goto(`${city.url}/#/cases/${id}`);
		await by('act-failed').click();
		await page.getByLabel(lang === 'zh' ? '错误代码' : 'Error code').fill(lang === 'zh' ? 'UNKNOWN' : 'NO_PARTS');
		await by('more').scrollIntoViewIfNeeded();
		await page.screenshot({ path: join(shots, `error-code-${lang}.png`) });
		assert.deepEqual(await axeFinds(page), []);
		assert.equal(await sideways(page), false);
		await by('confirm').click();
		// A code that nothing catches is looked at by the desk, which tries again; the other one is caught.
		if (lang === 'zh') {
			await by('act-retry').click();
			await by('act-failed').waitFor();
		} else {
			await by('act-ordered').waitFor();
		}
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	}
});
