// One case from its alarm to its closing, by people who click and press keys.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lacking, openCity, openPage, signIn } from './city.mjs';

let city;

before(async () => { if (!lacking) city = await openCity(); });
after(async () => { await city?.close(); });

test('a wrong password is told in words', { skip: lacking }, async () => {
	const tab = await openPage(city);

	await tab.page.goto(city.url);
	await tab.by('login').fill('duty');
	await tab.by('password').fill('not this one');
	await tab.by('go').click();
	assert.match(await tab.by('failed').innerText(), /账号或密码不对/);
	await tab.page.context().close();
});

test('a leak becomes a case on the open page, is handled by keys, verified and closed', { skip: lacking }, async () => {
	const worker = await openPage(city), desk = await openPage(city, { lang: 'en', theme: 'light' });

	await signIn(worker, city, 'worker');
	await signIn(desk, city, 'duty');
	await worker.page.locator('[data-test=stream][data-state=live]').waitFor();
	await desk.page.locator('[data-test=stream][data-state=live]').waitFor();

	// Nobody reloads: the row comes by the stream.
	await city.write([{ metric: 'ch4_lel', thing: 'YC-GAS-0001', value: 33 }]);
	await city.advance(30);
	await worker.by('row').first().waitFor();
	await desk.by('row').first().waitFor();
	assert.match(await worker.by('facts').innerText(), /33 %LEL/);
	assert.match(await worker.by('clock').innerText(), /1时[0-9]{2}分/);

	await worker.page.keyboard.press('a');
	await worker.by('act-done').waitFor();
	await worker.page.locator('[data-test=tab-handling][aria-pressed=true]').filter({ hasText: '1' }).waitFor(); // the page goes with who claims
	await worker.by('note').fill('已关阀，浓度恢复');
	await worker.by('act-done').click();
	await worker.page.getByLabel('属实').check();
	await worker.page.getByLabel('关闭或隔离').check();
	await worker.by('form-send').click();
	await worker.page.locator('[data-test=said]').filter({ hasText: '已办结' }).waitFor().catch(() => undefined);

	await desk.page.locator('[data-test=tab-to_verify]').filter({ hasText: '1' }).waitFor();
	await desk.by('tab-to_verify').click();
	await desk.by('act-pass').waitFor();
	assert.match(await desk.by('history').innerText(), /已关阀，浓度恢复/);
	await desk.by('act-pass').click();
	// What the worker filled in, and nobody changes here.
	await desk.page.getByText('关闭或隔离').waitFor();
	assert.equal(await desk.page.getByLabel('属实').isChecked(), true);
	await desk.page.getByLabel('监测数据').check();
	await desk.by('form-send').click();
	await desk.by('act-close').click();
	await desk.by('confirm').click();
	await desk.page.locator('[data-test=tab-to_verify]').filter({ hasText: '0' }).waitFor();

	const [last] = (await city.api('duty', '/api/v1/cases?state=closed')).items;
	assert.equal(last.state, 'closed');
	assert.equal(last.thing, 'YC-GAS-0001');

	await desk.page.goto(`${city.url}/#/cases/${last.id}`);
	await desk.page.locator('[data-test=flow][data-drawn="0"]').waitFor();
	assert.ok(await desk.page.locator('[data-test=flow] .taken').count() >= 5, 'the drawing shows the way the case went');
	await desk.by('thing-link').click();
	await desk.by('thing').waitFor();
	await desk.by('chart').waitFor();

	await desk.by('nav-indicators').click();
	await desk.by('ind-case_on_time_rate').filter({ hasText: '100.0' }).waitFor();
	assert.deepEqual(worker.faults, []);
	assert.deepEqual(desk.faults, []);
	await desk.by('sign-out').click();
	await desk.by('sign-in').waitFor();
});

test('the desk hands over, a returned case is dispatched again', { skip: lacking }, async () => {
	const worker = await openPage(city), desk = await openPage(city);

	await signIn(worker, city, 'worker');
	await signIn(desk, city, 'duty');
	await city.write([{ metric: 'ch4_lel', thing: 'YC-GAS-0003', value: 41 }]);
	await city.advance(30);
	await worker.by('act-claim').waitFor();
	await worker.page.keyboard.press('a');
	await worker.page.locator('[data-test=tab-handling][aria-pressed=true]').waitFor();
	await worker.by('note').fill('不属于本单位');
	await worker.by('act-returned').click();
	await worker.page.getByLabel('不属于本单位').check();
	await worker.by('form-send').click();
	await desk.by('act-dispatch').waitFor();
	await desk.page.keyboard.press('d');
	await desk.by('to-org').selectOption('chengguan');
	await desk.by('confirm').click();
	await desk.by('history').filter({ hasText: '不属于本单位' }).waitFor();
	await desk.by('facts').filter({ hasText: '市城管局' }).waitFor();
	assert.deepEqual(desk.faults, []);
});
