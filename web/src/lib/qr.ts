/* A text as a QR code (ISO/IEC 18004): an SVG path of the dark modules in a square of `size`, quiet zone included. */
import { encode } from 'uqr';

export interface Qr { size: number; path: string }

export function qrOf(text: string): Qr {
	const { data, size } = encode(text, { ecc: 'M', border: 4 });
	let path = '';

	data.forEach((row, y) => {
		for (let x = 0; x < size; x++) {
			const from = x;

			while (x < size && row[x])
				x++;
			if (x > from)
				path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
		}
	});
	return { size, path };
}
