/* Questions in SQL: where the marks of a text area stand, examples, and what this device keeps of them. */
import { me } from './city';

export interface Question { name: string; sql: string }

/* Examples ask of views that every city has. Their words are in the dictionaries, by the same key. */
export const examples: Record<string, string> = {
	hours: `SELECT substr(c.finished, 1, 7) AS month, o.name AS org,
       count(*) AS cases,
       round(avg((unixepoch(c.finished) - unixepoch(c.opened)) / 3600.0), 1) AS hours
FROM v_cases c JOIN v_orgs o ON o.code = c.org
WHERE c.finished >= strftime('%Y-01-01', :today)
GROUP BY 1, 2 ORDER BY 1, 2`,
	open: `SELECT u.name AS unit, g.name AS category,
       count(*) AS open, sum(c.overdue) AS overdue
FROM v_cases c
JOIN v_categories g ON g.code = c.category
LEFT JOIN v_regions u ON u.code = c.unit
WHERE c.closed IS NULL
GROUP BY 1, 2 ORDER BY open DESC`,
	things: `SELECT u.name AS unit, t.kind, count(*) AS n
FROM v_things t LEFT JOIN v_regions u ON u.code = t.unit
GROUP BY 1, 2 ORDER BY n DESC`,
	alarms: `SELECT substr(fired, 1, 10) AS day, rule, level, count(*) AS n
FROM v_alarms GROUP BY 1, 2, 3 ORDER BY 1 DESC, n DESC`,
};

/* The place of a fault, counted as the server does: lines and characters from 1. */
export function placeIn(sql: string, line: number, column: number): number {
	const lines = sql.split('\n'), before = lines.slice(0, line - 1).reduce((n, l) => n + l.length + 1, 0);
	const within = [...lines[line - 1] ?? ''].slice(0, column - 1).join('').length;

	return Math.min(before + within, sql.length);
}

export const kindOfView = (view: string) => view.replace(/^v_/, '');
/* As SQL writes a name: bare where it is a plain word. */
export const sqlName = (name: string) => /^[A-Za-z_]\w*$/.test(name) ? name : `"${name.replace(/"/g, '""')}"`;

/* What another version or a hand wrote there must not stop the page. */
export function readQuestions(text: string | null): Question[] {
	try {
		const list: unknown = JSON.parse(text ?? '[]');

		return Array.isArray(list) ? list.filter((v): v is Question => typeof v?.name === 'string' && typeof v.sql === 'string') : [];
	} catch {
		return [];
	}
}

const place = () => `heming.questions.${me()}`;
export const keptQuestions = () => readQuestions(localStorage.getItem(place()));
export function keepQuestions(list: Question[]): void { localStorage.setItem(place(), JSON.stringify(list)); }
export const withQuestion = (list: Question[], q: Question) => [...list.filter((x) => x.name !== q.name), q].sort((a, b) => a.name.localeCompare(b.name, 'zh'));
