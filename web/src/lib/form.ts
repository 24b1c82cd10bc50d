/* What form-js says to people, in the language of the page. */
import { fill, lang } from '../i18n';

/* Templates of form-js; those that are not here stay English. */
const zh: Record<string, string> = {
	'Field is required.': '必填',
	'Field must match pattern {value}.': '须符合格式 {value}',
	'Field must have minimum value of {value}.': '不得小于 {value}',
	'Field must have maximum value of {value}.': '不得大于 {value}',
	'Field must have minimum length of {value}.': '至少 {value} 个字符',
	'Field must have maximum length of {value}.': '最多 {value} 个字符',
	'Field must be a valid international phone number. (e.g. +4930664040900)': '须为带国家代码的电话号码，如 +8651588886666',
	'Field must be a valid email.': '须为电子邮箱地址',
	'Value is not a number.': '须为数字',
	'Value is expected to be an integer.': '须为整数',
	'Value is expected to have at most 1 decimal digit.': '小数最多 1 位',
	'Value is expected to have at most {value} decimal digits.': '小数最多 {value} 位',
	'Please select a valid value, the two nearest valid values are {previousValue} and {nextValue}.': '须为步长的整数倍，最近的是 {previousValue} 和 {nextValue}',
	'No files selected': '未选择文件',
	'Add new': '添加',
	'Select': '请选择',
	'Search': '搜索',
	'No results': '没有结果',
	'No options': '没有选项',
	'Nothing to show.': '没有数据',
};

export function saidByForm(template: string, values?: Record<string, unknown>): string {
	return fill(lang.value === 'zh' ? zh[template] ?? template : template, Object.fromEntries(Object.entries(values ?? {}).map(([k, v]) => [k, String(v)])));
}
