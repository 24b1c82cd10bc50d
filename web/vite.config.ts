import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

// chrome90: the oldest engine among the desktop browsers that offices here still use.
export default defineConfig({
	plugins: [vue()],
	build: { target: 'chrome90', chunkSizeWarningLimit: 1200, assetsInlineLimit: 0, reportCompressedSize: false },
	/* A test reads the table that the server is tested by. */
	server: { fs: { allow: ['..'] } },
	test: { include: ['test/*.test.ts'] },
});
