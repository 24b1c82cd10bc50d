// A city with 120 shops in two markets, for the tests of registers.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openCity } from './city.mjs';

const pack = join(dirname(fileURLToPath(import.meta.url)), 'pack');
const accounts = [{ login: 'clerk', roles: 'viewer desk', clearance: 4 }, { login: 'public', roles: 'viewer', clearance: 1 }, { login: 'viewer', roles: 'viewer', clearance: 2 }, { login: 'chief', roles: 'viewer leader', clearance: 4 }];
const names = ['湖畔早点', '顺丰生鲜', '老街百货', '城南面馆', '盐渎茶社', '大洋水产', '先锋五金', '建军粮油', '串场河烧烤', '登瀛酱园', '黄海渔具', '瓢城书店'];
const trades = ['food', 'fresh', 'goods'], counties = ['320902', '320903', '320904', '320921', '320925'];

// 统一社会信用代码 with its check character, or with a wrong one.
export function uscc(i, right = true) {
	const set = '0123456789ABCDEFGHJKLMNPQRTUWXY', body = `92320902MA1${String(i).padStart(6, '0')}`;
	const sum = [...body].reduce((s, c, k) => s + set.indexOf(c) * (3 ** k % 31), 0), check = (31 - sum % 31) % 31;

	return body + set[right ? check : (check + 1) % 31];
}

// A change set carried out by the API.
async function carryOut(city, kind, csv) {
	const set = await city.api('clerk', `/api/v1/imports?kind=${kind}&name=${kind}.csv`, 'POST', csv);

	assert.equal(set.refused, 0, JSON.stringify(await city.api('clerk', `/api/v1/changesets/${set.id}/rows?verdict=refused&limit=3`)));
	await city.api('clerk', `/api/v1/changesets/${set.id}/commit`, 'POST', {});
	for (let i = 0; i < 200; i++)
		if ((await city.api('clerk', `/api/v1/changesets/${set.id}`)).state === 'done')
			return;
	throw new Error('the change set does not end');
}

function shop(i) {
	return [`S${String(i).padStart(3, '0')}`, `${names[i % 12]}${Math.floor(i / 12) || ''}`, i % 12 === 0 ? `Lakeside Breakfast ${i / 12 || ''}`.trim() : '', ['open', 'open', 'paused', 'closed'][i % 4], counties[i % 5], 'ycoc',
		(120.1 + i / 900).toFixed(5), (33.3 + i / 1100).toFixed(5), uscc(i, i !== 3), trades[i % 3], `20${10 + i % 15}-0${1 + i % 9}-15`, i % 3 ? 'M1' : 'M2', (30 + i * 7.5).toFixed(1), 1 + i % 40, i % 2 ? '是' : '否', '2026-07-01 09:30',
		'鹤鸣；瓢城', i % 2 ? 'gas；fire' : 'crowd', `王${names[i % 12][0]}明`, `1395110${String(1000 + i)}`, i === 0 ? '11010519491231002X' : ''].join(',');
}

export async function openShops() {
	const city = await openCity({ packs: [pack], accounts });

	await carryOut(city, 'market', 'code,name,name_en,region,manager\nM1,串场河集市,Chuanchang Market,320902,周大福\nM2,大洋湾市场,Dayangwan Market,320902,\n');
	await carryOut(city, 'shop', `code,name,name_en,state,region,org,lon,lat,uscc,trade,founded,market,area,staff,licensed,inspected,brands,risks,owner,phone,citizen\n${Array.from({ length: 120 }, (_, i) => shop(i)).join('\n')}\n`);
	return city;
}
