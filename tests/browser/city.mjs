// A city of its own for a test file: a demo site in a temporary folder, the program serving it with its clock in
// our hand, and Chromium looking at it.
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium, selectors } from 'playwright-core';

const top = join(dirname(fileURLToPath(import.meta.url)), '../..');
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const heming = process.env.HEMING ?? '';
export const lacking = heming && existsSync(heming) ? (existsSync(join(top, 'web/dist/index.html')) ? false : 'the pages are not built') : 'HEMING does not name the program';
export const shots = process.env.HEMING_SHOTS || join(tmpdir(), 'heming-shots');
const PASSWORD = 'Heron-by-the-pond-41';
export const START = Date.parse('2026-07-14T08:00:00+08:00');

selectors.setTestIdAttribute('data-test');

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function readReady(file, child) {
	for (let i = 0; i < 400; i++) {
		if (existsSync(file))
			return Object.fromEntries((await readFile(file, 'utf8')).trim().split('\n').map((l) => l.split(' ')));
		if (child.exitCode !== null)
			throw new Error(`heming serve ended with ${child.exitCode}`);
		await pause(50);
	}
	throw new Error('heming serve did not become ready');
}

// With packs beside the city's own, accounts beside the demo's ({ login, roles, clearance }), and settings as on the command line.
export async function openCity({ packs = [], accounts = [], settings = [] } = {}) {
	const dir = await mkdtemp(join(tmpdir(), 'heming-browser-')), site = join(dir, 'site'), ready = join(dir, 'ready');

	mkdirSync(shots, { recursive: true });
	await promisify(execFile)(heming, ['init', '--site', site, '--pack', join(top, 'packs/yancheng'), '--demo'], { cwd: top });
	const words = (await readFile(join(site, 'demo-login'), 'utf8')).trim().split('\n').map((l) => l.split(' '));
	for (const pack of packs)
		await promisify(execFile)(heming, ['pack', 'install', pack, '--site', site], { cwd: top });
	for (const a of accounts) {
		const adding = promisify(execFile)(heming, ['account', 'add', a.login, '--site', site, '--name', a.login, '--org', 'ycoc', '--roles', a.roles, '--clearance', String(a.clearance)], { cwd: top });

		adding.child.stdin.end(`${PASSWORD}\n`);
		await adding;
	}
	const device = words.find((w) => w[0] === 'device'), passwords = Object.fromEntries([...words.filter((w) => w.length === 2), ...accounts.map((a) => [a.login, PASSWORD])]);
	const child = spawn(heming, ['serve', '--site', site, '--port', '0', '--mqtt-port', '0', '--ready-file', ready,
		'--clock', `manual:${new Date(START).toISOString()}`, '--web-dir', join(top, 'web/dist'), '--log', join(dir, 'log'), ...settings], { cwd: top, stdio: 'ignore' });
	const port = (await readReady(ready, child)).http, url = `http://127.0.0.1:${port}`;
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
	const basic = `Basic ${Buffer.from(`${device[1]}:${device[2]}`).toString('base64')}`;
	let now = START;

	return {
		url, passwords, browser,
		device: { Authorization: basic }, // the header of the demo's device
		// Lines of line protocol, each { metric, thing, value, ago: seconds }.
		async write(readings) {
			const body = readings.map((r) => `${r.metric},thing=${r.thing} value=${r.value} ${Math.round(now / 1000) - (r.ago ?? 0)}`).join('\n');
			const a = await fetch(`${url}/write?precision=s`, { method: 'POST', headers: { Authorization: basic }, body });

			if (a.status !== 204)
				throw new Error(`/write: ${a.status} ${await a.text()}`);
		},
		async advance(seconds) {
			const a = await fetch(`${url}/api/v1/test/clock`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ advance: `${seconds}s`, step: '15s' }) });

			if (!a.ok)
				throw new Error(`/test/clock: ${a.status} ${await a.text()}`);
			now = Date.parse((await a.json()).now);
		},
		// A body that is no text goes as JSON.
		async api(login, path, method = 'GET', body = undefined) {
			const s = await (await fetch(`${url}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login, password: passwords[login] }) })).json();
			const raw = typeof body === 'string';
			const a = await fetch(url + path, { method, headers: { 'Authorization': `Bearer ${s.token}`, 'Content-Type': raw ? 'application/octet-stream' : 'application/json' }, body: raw || body === undefined ? body : JSON.stringify(body) });

			if (!a.ok)
				throw new Error(`${method} ${path}: ${a.status} ${await a.text()}`);
			return a.json();
		},
		async close() {
			await browser.close();
			child.kill('SIGTERM');
			await Promise.race([new Promise((done) => child.once('exit', done)), pause(8000)]);
			if (child.exitCode === null)
				child.kill('SIGKILL');
			await rm(dir, { recursive: true, force: true });
		},
	};
}

// A page that notes what it should not do: asks another host (but `other`), throws, breaks the content policy.
export async function openPage(city, { width = 1920, height = 1080, lang = 'zh', theme = 'dark', noWebgl = false, other = null } = {}) {
	const context = await city.browser.newContext({ viewport: { width, height }, locale: lang === 'zh' ? 'zh-CN' : 'en-GB' });
	const page = await context.newPage(), faults = [];

	await context.addInitScript(([theme, noWebgl]) => {
		localStorage.setItem('heming.theme', theme);
		if (noWebgl) {
			const get = HTMLCanvasElement.prototype.getContext;
			HTMLCanvasElement.prototype.getContext = function (kind, ...rest) { return kind.startsWith('webgl') ? null : get.call(this, kind, ...rest); };
		}
	}, [theme, noWebgl]);
	page.on('request', (r) => { if (!r.url().startsWith(city.url) && !(other && r.url().startsWith(other)) && !/^(data|blob):/.test(r.url())) faults.push(`asks ${r.url()}`); });
	page.on('pageerror', (e) => faults.push(`throws ${e.message}`));
	page.on('console', (m) => { if (m.type() === 'error' && !/401|404|409|412/.test(m.text())) faults.push(`says ${m.text()}`); });
	page.setDefaultTimeout(15_000);
	return { page, faults, by: (name) => page.getByTestId(name) };
}

export async function signIn({ page, by }, city, login) {
	await page.goto(city.url);
	await by('login').fill(login);
	await by('password').fill(city.passwords[login]);
	await by('go').click();
	await by('stream').waitFor();
}

// To a page that stands behind the word for more.
export async function goManage({ by }, page) {
	await by('nav-more').click();
	await by(`nav-${page}`).click();
}

export async function axeFinds(page) {
	await page.evaluate(axe);
	const found = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] }));

	return found.violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
}

export const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth
	|| [...document.querySelectorAll('main')].some((m) => m.scrollWidth > m.clientWidth));

// An afternoon in which a few things go wrong, so that there is something to look at.
export async function trouble(city) {
	const readings = [];
	const past = (metric, thing, from, to) => {
		for (let ago = 14_000; ago > 0; ago -= 120)
			readings.push({ metric, thing, ago, value: (ago > 1200 ? from + Math.sin(ago / 900) * from * 0.1 : from + (to - from) * (1 - ago / 1200)).toFixed(2) });
	};

	past('ch4_lel', 'YC-GAS-0001', 2, 32);
	past('ch4_lel', 'YC-GAS-0003', 2, 27);
	past('ch4_lel', 'YC-GAS-0020', 1.5, 12);
	past('temperature', 'YC-GAS-0001', 18, 19);
	for (const thing of ['YC-WL-0001', 'YC-WL-0005', 'YC-WL-0009'])
		past('water_level', thing, 1.6, 3.6);
	for (const thing of ['YC-MC-0002', 'YC-MC-0030'])
		past('tilt', thing, 1.2, 62);
	for (const thing of ['YC-LT-0004', 'YC-LT-0011', 'YC-LT-0017'])
		readings.push({ metric: 'lamp_fault', thing, value: 1 });
	await city.write(readings);
	for (let i = 0; i < 7; i++) {
		await city.write(readings.slice(-3).concat([
			{ metric: 'ch4_lel', thing: 'YC-GAS-0001', value: 32 }, { metric: 'ch4_lel', thing: 'YC-GAS-0003', value: 27.5 }, { metric: 'ch4_lel', thing: 'YC-GAS-0020', value: 12.4 },
			...['YC-WL-0001', 'YC-WL-0005', 'YC-WL-0009'].map((thing) => ({ metric: 'water_level', thing, value: 3.6 })),
			...['YC-MC-0002', 'YC-MC-0030'].map((thing) => ({ metric: 'tilt', thing, value: 62 })),
		]));
		await city.advance(60);
	}
}
