// An account's life in the pages: made by an administrator, first password, second factor, a token, and back in with a code.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { START, axeFinds, goManage, lacking, openCity, openPage, shots, sideways, signIn } from './city.mjs';

let city, login = 'lijing', first = '';
const second = 'reeds and red cranes';

before(async () => { if (!lacking) city = await openCity(); });
after(async () => { await city?.close(); });

async function look(tab, name) {
	await tab.page.screenshot({ path: join(shots, `${name}.png`) });
	assert.deepEqual(await axeFinds(tab.page), [], name);
	assert.equal(await sideways(tab.page), false, `${name} scrolls sideways`);
	assert.deepEqual(tab.faults, [], name);
}

// RFC 6238 at `at` ms.
function code(secret, at) {
	let bits = '';
	for (const c of secret)
		bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
	const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2))), step = Buffer.alloc(8);

	step.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
	const h = createHmac('sha1', key).update(step).digest(), o = h[19] & 15;
	return String((h.readUInt32BE(o) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function enter({ page, by }, password) {
	await page.goto(city.url);
	await by('login').fill(login);
	await by('password').fill(password);
	await by('go').click();
}

test('an administrator makes an account', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'zh', theme: 'light', width: 1366, height: 768 }), { page, by } = tab;

	await signIn(tab, city, 'admin');
	await goManage(tab, 'accounts');
	await by('acc-duty').waitFor();
	await look(tab, 'accounts-1-list');
	await by('acc-add').click();
	await by('acc-login').fill(login);
	await by('acc-name').fill('李静');
	await by('role-handler').check();
	await by('acc-save').click();
	first = await by('made').locator('code').textContent();
	assert.match(first, /^[a-z0-9]{16}$/);
	await by(`acc-${login}`).waitFor();
	await look(tab, 'accounts-2-made');
	await by(`acc-${login}`).getByRole('button').click();
	await by('acc-clearance').selectOption('3');
	await by('acc-save').click();
	await by('said').waitFor();
	await by('acc-login').waitFor({ state: 'detached' });
	assert.equal((await city.api('admin', `/api/v1/accounts/${login}`)).clearance, 3);
	await page.context().close();
});

test('its person changes the password, sets up a second factor, and comes back in', { skip: lacking }, async () => {
	const tab = await openPage(city, { lang: 'en', theme: 'dark', width: 390, height: 844 }), { page, by } = tab;

	await enter(tab, first);
	await by('must').waitFor();
	assert.equal(await by('me-tokens').count(), 0, 'nothing else before the password');
	await by('old').fill(first);
	await by('new').fill('woaini1314');
	await by('again').fill('woaini1314');
	await by('change').click();
	assert.match(await by('failed').textContent(), /guessed/);
	tab.faults.length = 0; // the browser notes the 400
	await by('new').fill(second);
	await by('again').fill(second);
	await by('change').click();
	await by('nav-me').click();
	await by('me-tokens').waitFor();
	await look(tab, 'accounts-3-me');

	await by('token-name').fill('board in the hall');
	await by('token-add').click();
	assert.match(await by('token').locator('code').textContent(), /^hmt_[0-9a-f]{64}$/);

	await by('factor-password').fill(second);
	await by('factor-go').click();
	const secret = await by('secret').textContent();
	await by('qr').waitFor();
	await look(tab, 'accounts-3-qr');
	await by('factor-code').fill(code(secret, START));
	await by('factor-confirm').click();
	await by('recovery').locator('code').nth(9).waitFor();
	const recovery = await by('recovery').locator('code').allTextContents();
	assert.equal(recovery.length, 10);
	await look(tab, 'accounts-4-recovery');
	await by('codes-kept').click();
	await by('recovery').waitFor({ state: 'detached' });
	await by('sign-out').click();

	await by('sign-in').waitFor();
	await enter(tab, second);
	await by('code').waitFor();
	await look(tab, 'accounts-5-code');
	await by('code').fill('000000');
	await by('go').click();
	await by('failed').waitFor();
	await city.advance(30);
	await by('code').fill(code(secret, START + 30_000));
	await by('go').click();
	await by('stream').waitFor();
	await by('sign-out').click();
	await by('sign-in').waitFor();
	await enter(tab, second);
	await by('code').fill(recovery[0]);
	await by('go').click();
	await by('stream').waitFor();
	assert.deepEqual(tab.faults, []);
	await page.context().close();
});
