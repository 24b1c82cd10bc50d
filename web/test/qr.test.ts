import jsQR from 'jsqr';
import { describe, expect, it } from 'vitest';
import { qrOf } from '../src/lib/qr';

/* As a camera sees it: eight pixels a module. */
function picture(text: string): { pixels: Uint8ClampedArray; width: number } {
	const { size, path } = qrOf(text), width = size * 8, pixels = new Uint8ClampedArray(width * width * 4).fill(255);

	for (const [, x, y, n] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
		for (let py = Number(y) * 8; py < (Number(y) + 1) * 8; py++)
			for (let px = Number(x) * 8; px < (Number(x) + Number(n)) * 8; px++)
				pixels.fill(0, 4 * (py * width + px), 4 * (py * width + px) + 3);
	return { pixels, width };
}

describe('a QR code', () => {
	it.each([
		'otpauth://totp/%E9%B9%A4%E9%B8%A3:zhang?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=%E9%B9%A4%E9%B8%A3&algorithm=SHA1&digits=6&period=30',
		'x', '鹤鸣于九皋', 'A'.repeat(1000),
	])('is read as the text it was made of: %s', (text) => {
		const { pixels, width } = picture(text);

		expect(jsQR(pixels, width, width)?.data).toBe(text);
	});
});
