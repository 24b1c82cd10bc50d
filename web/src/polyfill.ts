/* What the map library uses and Chrome 90 lacks. */
if (!Object.hasOwn)
	Object.hasOwn = (o: object, key: PropertyKey) => Object.prototype.hasOwnProperty.call(o, key);

function at<T>(this: ArrayLike<T>, n: number): T | undefined {
	const i = Math.trunc(n) || 0;

	return this[i < 0 ? this.length + i : i];
}

for (const type of [Array, String, Uint8Array, Uint16Array, Uint32Array, Int16Array, Int32Array, Float32Array, Float64Array])
	if (!('at' in type.prototype))
		Object.defineProperty(type.prototype, 'at', { value: at, writable: true, configurable: true });

export {};
