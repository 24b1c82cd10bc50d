// What a device sends wrongly, an administrator sees by device and reason; what it says in words stands on the thing's page.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { axeFinds, goManage, lacking, openCity, openPage, shots, sideways, signIn } from './city.mjs';

let city;
const thing = 'YC-GAS-0001';

before(async () => {
	if (lacking)
		return;
	city = await openCity();
	const send = (body) => fetch(`${city.url}/api/v1/readings?thing=${thing}`, { method: 'POST', headers: { ...city.device, 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

	assert.equal((await send({ ch4_lel: 1.5, valve: 'half open' })).status, 204);
	assert.equal((await send([{ ch4_lel: 'ERR' }, { ch4_lel: 2, ts: '2036-01-01T00:00:00Z' }, { ch4_lel: 2 }])).status, 400);
});
after(async () => { await city?.close(); });

async function look(tab, name) {
	await tab.page.screenshot({ path: join(shots, `${name}.png`) });
	assert.deepEqual(await axeFinds(tab.page), [], name);
	assert.equal(await sideways(tab.page), false, `${name} scrolls sideways`);
	assert.deepEqual(tab.faults, [], name);
}

for (const [lang, theme, width, words] of [['zh', 'light', 1366, /数值不对 1、时间超前 1|时间超前 1、数值不对 1/], ['en', 'dark', 1300, /value 1, ahead of time 1/]])
	test(`refusals by device, ${lang}`, { skip: lacking }, async () => {
		const tab = await openPage(city, { lang, theme, width, height: 768 }), { by } = tab;

		await signIn(tab, city, 'admin');
		await goManage(tab, 'refusals');
		await by('refused-demo-gw').waitFor();
		assert.match(await by('refused-demo-gw').textContent(), words);
		await look(tab, `refusals-${lang}`);
		await tab.page.goto(`${city.url}/#/things/${thing}`);
		await tab.page.getByText('half open').waitFor();
		await look(tab, `refusals-thing-${lang}`);
		await tab.page.context().close();
	});

test('for administrators alone', { skip: lacking }, async () => {
	const tab = await openPage(city, { width: 1366, height: 768 }), { by } = tab;

	await signIn(tab, city, 'duty');
	assert.equal(await by('nav-refusals').count(), 0);
	await tab.page.context().close();
});
