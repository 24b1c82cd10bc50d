/* What the server says, by short names (openapi.ts has them all, see api.ts), and what the pages add. Times are RFC 3339 in UTC. */
import type { Schemas } from './api';

export type Account = Schemas['Account'];
export type AccountRow = Schemas['AccountRow'];
/* Of an account that was added or changed. */
export type AccountAnswer = Schemas['AccountChanged'] & { password?: string };
export type Approval = Schemas['Approval'];
export type MySession = Schemas['MySession'];
export type ApiToken = Schemas['ApiToken'];
export type SecondFactor = Schemas['SecondFactor'];
export type Delegation = Schemas['Delegation'];
export type City = Schemas['City'];
export type Here = Schemas['Here'];
export type Region = Schemas['Region'];
export type Org = Schemas['Org'];
export type Quantity = Schemas['Quantity'];
export type FieldOption = Schemas['FieldOption'];
export type FileRef = Schemas['FileRef'];
/* hidden: above the reader's clearance. veiled: masked until the reader says why it must be seen. */
export type Field = Schemas['Field'];
export type FieldType = Field['type'];
export type Kind = Schemas['Kind'];
export type ThingHealth = Schemas['ThingHealth'];
export type HealthCount = Schemas['HealthCount'];
export type QuarantinedDevice = Schemas['QuarantinedDevice'];
export interface Lonlat { lon: number; lat: number }
export type Attrs = Record<string, unknown>;
export type RecordIn = Schemas['RecordIn'];
export type Rec = Schemas['Record'];
export type Relation = Schemas['RecordRelation'];
export type RecNow = Schemas['RecordNow'];
export type RecPage = Schemas['Records'];
/* Names of what is referred to, by KIND/CODE. */
export type Titles = Pick<RecPage, 'titles' | 'titles_en'>;
export type RecUse = Schemas['RecordUse'];
export type ChangeSet = Schemas['ChangeSet'];
export type ChangeRow = Schemas['ChangeRow'];
export type Category = Schemas['Category'];
export type Reading = Schemas['Reading'];
export type Thing = Schemas['Thing'];
export type ThingNow = Schemas['ThingNow'];
export type Alarm = Schemas['Alarm'];
export type Level = Alarm['level'];
export type AlarmHour = Schemas['AlarmHour'];
export type Case = Schemas['Case'];
export type AlarmView = Schemas['AlarmView'];
export type CaseNow = Schemas['CaseNow'];
export type CaseDone = Schemas['CaseDone'];
export type CaseFlow = Schemas['CaseFlow'];
export type SummaryUnit = Schemas['SummaryUnit'];
export type Summary = Schemas['Summary'];
export type Indicator = Schemas['Indicator'];
export type IndicatorDays = Schemas['IndicatorDays'];
export type JournalRow = Schemas['Entry'];
export type JournalEvent = Omit<JournalRow, 'name'>;
export type JournalHead = Schemas['JournalHead'];
/* What Prometheus' shape holds for a range. */
export interface RangeData { result: { metric: Record<string, string>; values: [number, string][] }[] }
export type PackKind = Schemas['PackKind'];
export type Pack = Schemas['Pack'];
export type Refusal = Schemas['Refusal'];
export type SeriesCare = Schemas['SeriesCare'];
export type SeriesClass = Schemas['SeriesClass'];
export type SeriesRemoval = Schemas['SeriesRemoval'];
