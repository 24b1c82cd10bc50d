// Registers by people: a sheet comes in and goes out again, masks fall for a reason, forms meet each other.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axeFinds, lacking, openPage, shots, signIn } from './city.mjs';
import { openShops, uscc } from './shops.mjs';

let city, dir;

before(async () => {
	if (lacking)
		return;
	dir = await mkdtemp(join(tmpdir(), 'heming-registers-'));
	city = await openShops();
});
after(async () => {
	await city?.close();
	if (dir)
		await rm(dir, { recursive: true, force: true });
});

const opened = async (tab, hash, there) => {
	await tab.page.goto(`${city.url}/#/${hash}`);
	await tab.by(there).first().waitFor();
};

test('a list is narrowed, sorted and shared by its address', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

	await signIn(tab, city, 'viewer');
	await opened(tab, 'registers/shop', 'record-row');
	await by('count').filter({ hasText: '共 120 条' }).waitFor();
	assert.equal(await by('record-row').count(), 50);
	await by('more').click();
	await by('record-row').nth(99).waitFor();
	await by('q').fill('渔具');
	await by('count').filter({ hasText: '共 10 条' }).waitFor();
	await by('filter-trade').locator('button').click();
	await by('option-food').check();
	await page.keyboard.press('Escape');
	await by('filter-state').locator('button').click();
	await by('option-open').check();
	await page.keyboard.press('Escape');
	assert.match(page.url(), /q=.*f\.trade=food|f\.trade=food.*q=/);
	await by('filters-clear').click();
	await by('sort-a.area').click();
	await page.locator('th[aria-sort=ascending]').waitFor();
	await by('sort-a.area').click();
	await by('record-row').first().filter({ hasText: '922.5' }).waitFor();
	await by('views').selectOption('+');
	await by('view-name').fill('面积从大到小');
	await by('views-dialog').getByTestId('dialog-yes').click();
	await by('columns').click();
	await by('column-a.staff').check();
	await by('columns-dialog').getByTestId('dialog-yes').click();
	await page.getByRole('columnheader', { name: '从业人数' }).waitFor();
	const other = await page.context().newPage();
	await other.goto(page.url());
	await other.getByRole('columnheader', { name: '从业人数' }).waitFor();
	await other.locator('th[aria-sort=descending]').waitFor();
	await other.close();
	await by('filter-market').getByTestId('picker').click();
	await by('filter-market').getByTestId('choice').filter({ hasText: '大洋湾' }).click();
	await by('count').filter({ hasText: '共 40 条' }).waitFor();
	await by('q').fill('没有这样的商户');
	await by('empty').filter({ hasText: '没有符合条件的记录' }).waitFor();
	assert.equal(await by('new').count(), 0, 'who may not write is not asked to');
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('a sheet is looked at, taken and taken back', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab, file = join(dir, '新商户.csv');

	await writeFile(file, `编号,名称,统一社会信用代码,业态,营业面积\nN1,新丰包子,${uscc(901)},餐饮,12.5\nN2,坏数据,${uscc(902)},餐饮,很大\nS001,顺丰生鲜,,,99\n`);
	await signIn(tab, city, 'clerk');
	await opened(tab, 'registers/shop', 'import');
	await by('import').click();
	await by('file').setInputFiles(file);
	await by('verdict').filter({ hasText: '将新增 1 条，变更 1 条' }).waitFor();
	await by('chip-refused').click();
	await by('import-row').filter({ hasText: '营业面积' }).waitFor();
	assert.equal(await by('import-row').count(), 1);
	const wait = page.waitForEvent('download');
	await by('refused-csv').click();
	const text = await readFile(await (await wait).path(), 'utf8');
	assert.match(text, /N2,.*很大/);
	await by('chip-changed').click();
	await by('import-row').filter({ hasText: '99' }).waitFor();
	assert.deepEqual(await axeFinds(page), []);
	await page.screenshot({ path: join(shots, 'registers-preview.png') });
	await by('commit').click();
	await by('result').filter({ hasText: '新增 1 条，变更 1 条' }).waitFor();
	assert.equal((await city.api('clerk', '/api/v1/records/shop/N1')).attrs.area, 12.5);
	await by('undo').click();
	await by('undo-dialog').getByTestId('dialog-yes').click();
	await by('result').filter({ hasText: '已撤销' }).waitFor();
	await assert.rejects(city.api('clerk', '/api/v1/records/shop/N1'), /404/);
	assert.equal((await city.api('clerk', '/api/v1/records/shop/S001')).attrs.area, 37.5);
	await by('another').click();
	await writeFile(file, '编号,名称,面机\nN1,新丰包子,1\n');
	await by('file').setInputFiles(file);
	await by('failed').waitFor();
	assert.deepEqual(tab.faults.filter((f) => !/400/.test(f)), []);
	await page.context().close();
});

test('what is masked is seen by who may, for a reason, for a while', { skip: lacking }, async () => {
	for (const [login, owner, phone] of [['public', false, false], ['viewer', true, false], ['clerk', true, true]]) {
		const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

		await signIn(tab, city, login);
		await opened(tab, 'registers/shop/S000', 'value-owner');
		assert.equal(/王湖明/.test(await by('value-owner').innerText()), owner, `${login} and the owner`);
		assert.match(await by('value-phone').innerText(), /139\*+/);
		assert.equal(await by('reveal-phone').count(), phone ? 1 : 0, `${login} and the phone`);
		if (phone) {
			await by('reveal-phone').click();
			assert.ok(await by('dialog-yes').first().isDisabled(), 'a reason is needed');
			await by('reason').first().fill('核对安全检查通知');
			assert.deepEqual(await axeFinds(page), []);
			await by('reason-dialog').getByTestId('dialog-yes').click();
			await by('value-phone').filter({ hasText: '13951101000' }).waitFor();
			await by('revealed').waitFor();
			await by('revealed').locator('button').click();
			assert.doesNotMatch(await by('value-phone').innerText(), /13951101000/);
		}
		assert.deepEqual(tab.faults, []);
		await page.context().close();
	}
	const tab = await openPage(city, { width: 1440, height: 900 });

	await signIn(tab, city, 'chief');
	await opened(tab, 'registers/shop/S000', 'tab-uses');
	await tab.by('tab-uses').click();
	await tab.by('uses').filter({ hasText: '核对安全检查通知' }).waitFor();
	assert.deepEqual(await axeFinds(tab.page), []);
	await tab.page.context().close();
});

test('a form checks, guards what is not saved, and meets another’s changes', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

	await signIn(tab, city, 'clerk');
	await opened(tab, 'registers/shop/new', 'save');
	await by('save').click();
	await by('wrong').first().waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.id), 'own-name', 'the first to correct has the focus');
	await by('own-name').fill('新店');
	await by('f-uscc').fill(uscc(0));
	await by('own-place-coords').selectOption('gcj02');
	await by('own-place-lon').fill('120.154983852, 33.348587057');
	await by('save').click();
	await by('wrong').filter({ hasText: /./ }).waitFor(); // the server: there is one of this code
	assert.equal(await page.evaluate(() => document.activeElement.id), 'f-uscc');
	await by('f-uscc').fill(uscc(777));
	await page.locator('#f-market').click();
	await page.keyboard.type('串场');
	await by('choice').filter({ hasText: '串场河集市' }).waitFor();
	await page.keyboard.press('Enter');
	await by('f-phone').fill('13912340000');
	await by('f-licence').setInputFiles({ name: '营业执照.pdf', mimeType: 'application/pdf', buffer: Buffer.from('%PDF-1.4 licence') });
	await page.locator('.files li').filter({ hasText: '营业执照.pdf' }).waitFor();
	await page.getByRole('link', { name: '登记簿' }).first().click();
	await by('leave-dialog').waitFor();
	await by('leave-dialog').getByTestId('dialog-no').click();
	await by('save').click();
	await by('record').waitFor();
	assert.match(await by('value-licence').locator('a').getAttribute('href'), /^\/api\/v1\/files\/shop\/[^/]+\/licence\?n=0$/);
	const made = (await city.api('clerk', '/api/v1/records/shop?q=%E6%96%B0%E5%BA%97')).items[0];
	assert.equal(made.attrs.market, 'M1');
	assert.ok(Math.abs(made.lon - 120.15) < 1e-6 && Math.abs(made.lat - 33.35) < 1e-6, `${made.lon}, ${made.lat}`);

	await by('edit').click();
	await by('f-staff').fill('7');
	const base = await city.api('clerk', `/api/v1/records/shop/${made.code}`);
	await city.api('clerk', `/api/v1/records/shop/${made.code}`, 'PUT', { name: base.name, name_en: 'New Shop', state: 'paused', region: base.region, org: base.org, lon: base.lon, lat: base.lat, attrs: { uscc: base.attrs.uscc, market: 'M1' } });
	await by('save').click();
	await by('conflict-dialog').filter({ hasText: 'New Shop' }).waitFor();
	assert.deepEqual(await axeFinds(page), []);
	await by('conflict-dialog').getByTestId('dialog-yes').click();
	await by('record').waitFor();
	const now = await city.api('clerk', `/api/v1/records/shop/${made.code}`);
	assert.deepEqual([now.attrs.staff, now.name_en, now.state], [7, 'New Shop', 'paused']);
	const { attrs } = await city.api('clerk', `/api/v1/records/shop/${made.code}/reveal`, 'POST', { reason: '测试读回' });
	assert.equal(attrs.phone, '13912340000', 'what was not shown was not lost');

	await by('tab-history').click();
	await by('version').nth(2).waitFor();
	await by('restore').last().click();
	await by('restore-dialog').getByTestId('dialog-yes').click();
	await by('version').nth(3).waitFor();
	assert.equal((await city.api('clerk', `/api/v1/records/shop/${made.code}`)).name_en, '');
	assert.deepEqual(tab.faults.filter((f) => !/400/.test(f)), []);
	await page.context().close();
});

test('two records of one shop become one', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

	await signIn(tab, city, 'clerk');
	await opened(tab, 'registers/market', 'record-row');
	await by('choose').nth(0).check();
	await by('choose').nth(1).check();
	await by('merge').click();
	await by('keep-M1').check();
	assert.deepEqual(await axeFinds(page), []);
	await page.screenshot({ path: join(shots, 'registers-merge.png') });
	await by('merge-dialog').getByTestId('dialog-yes').click();
	await by('said').waitFor();
	assert.equal((await city.api('clerk', '/api/v1/records/shop?f.market=M1&limit=1')).count >= 120, true);
	await by('said').locator('a').click();
	await by('undo').click();
	await by('undo-dialog').getByTestId('dialog-yes').click();
	await by('result').filter({ hasText: '已撤销' }).waitFor();
	assert.equal((await city.api('clerk', '/api/v1/records/shop?f.market=M2&limit=1')).count, 40);
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});

test('a search over many records goes on by itself until it is stopped', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;
	let pages = 0;

	await signIn(tab, city, 'viewer');
	await page.route('**/api/v1/records/shop?**', async (r) => {
		const answer = await r.fetch(), body = await answer.json();

		pages++;
		await new Promise((done) => setTimeout(done, 100));
		await r.fulfill({ response: answer, json: { ...body, items: body.items.slice(0, pages % 3 ? 0 : 1), next: 'on', count: null, more: true } }).catch(() => undefined);
	});
	await page.route('**/api/v1/records/shop?**cursor=on**', async (r) => r.fallback({ url: r.request().url().replace(/cursor=on&?/, '') }));
	await page.goto(`${city.url}/#/registers/shop`);
	await by('searching').waitFor();
	await by('record-row').nth(1).waitFor();
	await by('searching').locator('button').click();
	await by('more').waitFor();
	const before = pages;
	await new Promise((done) => setTimeout(done, 400));
	assert.ok(pages <= before + 1, 'it goes on after it was stopped');
	await page.context().close();
});

test('records leave as a file with a reason, and are looked at as they were', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1440, height: 900 }), { page, by } = tab;

	await signIn(tab, city, 'clerk');
	await opened(tab, 'registers/shop?f.trade=food', 'record-row');
	await by('export').click();
	await by('format-csv').check();
	await by('reason').first().fill('七月安全检查名单');
	const wait = page.waitForEvent('download');
	await by('reason-dialog').getByTestId('dialog-yes').click();
	const file = await wait, text = await readFile(await file.path(), 'utf8');
	assert.match(file.suggestedFilename(), /^shop-.*\.csv$/);
	assert.equal(text.trim().split('\n').length, 41);
	assert.doesNotMatch(text, /13951101000/);

	await city.advance(3600);
	const r = await city.api('clerk', '/api/v1/records/market/M2');
	await city.api('clerk', '/api/v1/records/market/M2', 'PUT', { name: '大洋湾新市场', name_en: r.name_en, region: r.region, attrs: r.attrs });
	await opened(tab, 'registers/market/M2', 'relations');
	await page.getByRole('heading', { name: '大洋湾新市场' }).waitFor();
	await by('as-of').fill('2026-07-14T08:30');
	await by('as-of').blur();
	await by('as-of-note').waitFor();
	await page.getByRole('heading', { name: '大洋湾市场' }).waitFor();
	assert.equal(await by('edit').count(), 0, 'the past is not edited');
	await by('as-of-note').locator('button').click();
	await by('relations').locator('a').click();
	await by('count').filter({ hasText: '共 40 条' }).waitFor();

	await opened(tab, 'things/YC-GAS-0001', 'record-link');
	await by('record-link').click();
	await by('thing-link').waitFor();
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});
