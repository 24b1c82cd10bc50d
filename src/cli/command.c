/* The table of commands. */
#include "cli/cli.h"

const struct command commands[] = {
        {"init", "", "make a site: a folder with all data of one city",
                "Installs the packs given and makes an administrator's account. With --demo also accounts of "
                "an officer, a\n"
                "leader and two workers, and a device for the feed of invented readings; their passwords are "
                "made on the spot\n"
                "and written to DIR/demo-login.\n",
                cmd_init, CMD_SITE | CMD_SETTINGS, 0, 0,
                {{"pack", ARG_LIST, "DIR", "install this pack; may be given again"},
                        {"demo", ARG_FLAG, "", "with demo accounts and a demo device"}}},
        {"serve", "", "run the site: pages, API, MQTT, rules and timers",
                "Ends in order at Ctrl-C or SIGTERM. The settings below may also stand in DIR/site.yaml or "
                "in the environment.\n",
                cmd_serve, CMD_SITE | CMD_SETTINGS, 0, 0,
                {{"ready-file", ARG_PATH, "FILE",
                        "write the ports and the process id there once all doors are open"}}},
        {"simulate", "", "publish invented readings of the site's demo things over MQTT, as devices would",
                "Daily rhythm, noise, dropouts; now and then a gas leak or a flood. Goes on until it is "
                "stopped, and through\n"
                "restarts of the server.\n",
                cmd_simulate, CMD_SITE | CMD_SETTINGS, 0, 0,
                {{"things", ARG_INT, "N", "at most so many things; 500"},
                        {"interval", ARG_INT, "SECONDS", "time between two readings of a thing; 10"},
                        {"seed", ARG_INT, "N", "the same seed gives the same readings; 1"},
                        {"rounds", ARG_INT, "N", "stop after so many rounds"},
                        {"mqtt", ARG_TEXT, "HOST:PORT",
                                "where to publish; 127.0.0.1 and the site's mqtt-port"},
                        {"device", ARG_TEXT, "NAME:SECRET", "as which device; the one in DIR/demo-login"},
                        {"event", ARG_TEXT, "NAME=THING",
                                "let this event of the pack's demo.yaml happen to this thing at once"}}},
        {"import", "air|requests|readings FILE...", "take in files of readings or of requests",
                "air       hourly air quality of one station as UCI publishes it (18 columns, NA for gaps, "
                ".csv or .csv.gz)\n"
                "requests  service requests as New York publishes them (311, .csv or .csv.gz)\n"
                "readings  sheets (.csv or .csv.gz) in UTF-8 or GBK, as a mapping says which column is what, "
                "or by the names\n"
                "          of their columns (docs/ingest.md); line protocol (.lp or .lp.gz) with time stamps "
                "in "
                "nanoseconds\n"
                "Rows that cannot be read are told by line and cost nobody else's; a second run doubles "
                "nothing.\n",
                cmd_import, CMD_SITE | CMD_SETTINGS | CMD_DATA, 2, 32,
                {{"station", ARG_TEXT, "CODE",
                         "air: thing that the readings belong to; the file's own name of it"},
                        {"mapping", ARG_PATH, "FILE", "readings: which column is what, YAML"},
                        {"dry-run", ARG_FLAG, "",
                                "readings: tell how a sheet would be read, and store nothing"}}},
        {"pack", "check|install|diff|upgrade DIR, remove CODE, list",
                "look at a pack, put it into the site, upgrade it, take it out",
                "check    reads the folder and tells what is wrong, by file, line and field; needs no site\n"
                "install  checks, then writes everything or nothing; over an earlier version it is upgrade\n"
                "diff     tells what upgrade would do: rows, conflicts with what the site changed, records "
                "that change\n"
                "         with their kind; nothing is written\n"
                "upgrade  does it: what only the pack changed is taken, what the site changed stays\n"
                "remove   takes a pack out with all that it brought, if nothing needs it\n"
                "list     the installed packs, their versions and what they require\n"
                "Restart the server after install, upgrade and remove; stop it before an upgrade that "
                "changes records.\n"
                "Exits with 0 if it was done, 1 if not, 2 if an option is not known.\n",
                cmd_pack, CMD_SITE | CMD_SETTINGS, 1, 2,
                {{"json", ARG_FLAG, "", "answer in JSON, for programs"},
                        {"dry-run", ARG_FLAG, "", "install, upgrade: write nothing, tell what would be"},
                        {"downgrade", ARG_FLAG, "", "install, upgrade: also over a newer version"}}},
        {"calendar", "list, explain START DURATION, add FILE",
                "working calendars: what they are, and a deadline explained day by day",
                "list     the calendars with their shifts, and which years' holidays are known from where\n"
                "explain  when DURATION has passed since START, one line a day: heming calendar explain "
                "\"2026-09-30 17:00\" 4h\n"
                "         START is in the site's zone. DURATION is working time (4h, 1h30m, PT4H, "
                "\"4 work_hour\"), or \"3 work_day\",\n"
                "         \"2 natural_day\", \"2 urgent_hour\"; also 4工作时 3工作日 2自然日 2紧急工作时\n"
                "add      takes in a table of holidays (code, year, source, holidays, workdays) as a pack of "
                "its own; again over it\n"
                "         to correct it. Restart the server afterwards\n",
                cmd_calendar, CMD_SITE | CMD_SETTINGS | CMD_DATA, 1, 3,
                {{"calendar", ARG_TEXT, "CODE", "which one; the first of the list"},
                        {"back", ARG_FLAG, "", "explain: DURATION before START"}}},
        {"flow", "list, check|migrate CODE",
                "versions of flows, and running cases that go on with another one",
                "A case keeps the version of its flow that it began with.\n"
                "list     the flows and their versions\n"
                "check    which open cases could go on with another version, and why others cannot\n"
                "migrate  lets those that can go on with it; the others stay\n"
                "Elements go by their ids; --rename says where one that has another id now goes.\n",
                cmd_flow, CMD_SITE | CMD_SETTINGS | CMD_DATA, 1, 2,
                {{"from", ARG_INT, "N", "only cases of this version"},
                        {"to", ARG_INT, "N", "this version; the newest"},
                        {"rename", ARG_TEXT, "OLD=NEW",
                                "the element or sequence flow OLD is NEW now; several by blanks"},
                        {"json", ARG_FLAG, "", "answer in JSON, for programs"}}},
        {"account", "add|password|change|unlock|sign-out|no-factor LOGIN, list", "people who may sign in",
                "The password is read from standard input, or made on the spot, shown once, and to be "
                "changed at the "
                "first sign-in.\n"
                "change sets what is said and leaves the rest; sign-out ends sessions and API tokens; "
                "no-factor removes a\n"
                "second factor that was lost. Roles: viewer handler desk leader admin.\n",
                cmd_account, CMD_SITE | CMD_SETTINGS | CMD_DATA | CMD_INPUT, 1, 2,
                {{"name", ARG_TEXT, "NAME", "the person's name"},
                        {"org", ARG_TEXT, "CODE", "the org of the person"},
                        {"roles", ARG_TEXT, "WORDS", "roles, by blanks; viewer"},
                        {"regions", ARG_TEXT, "CODES", "sees only these regions (prefixes, by blanks)"},
                        {"orgs", ARG_TEXT, "CODES", "sees only these orgs"},
                        {"clearance", ARG_INT, "N", "1 public to 4; 2"},
                        {"disabled", ARG_TEXT, "yes|no", "may not sign in"}}},
        {"device", "add LOGIN", "a device that may publish readings; shows its secret once", "", cmd_device,
                CMD_SITE | CMD_SETTINGS | CMD_DATA, 2, 2,
                {{"things", ARG_TEXT, "CODES", "only of things whose codes begin so (by blanks)"}}},
        {"thing", "command CODE TEXT", "send a command to the device of a thing; prints its answer",
                "The device hears TEXT at things/CODE/commands/ID by MQTT and answers at "
                "things/CODE/answers/ID. "
                "Both are\nin the journal. Exits with 1 if no answer comes. By hand, a device would be\n"
                "  mosquitto_sub -u LOGIN -P SECRET -q 1 -v -t things/CODE/commands/+\n"
                "  mosquitto_pub -u LOGIN -P SECRET -q 1 -t things/CODE/answers/ID -m done\n"
                "with LOGIN and SECRET of heming device add. One made for ThingsBoard hears it as an RPC "
                "request.\n",
                cmd_thing, CMD_SITE | CMD_SERVED, 3, 3,
                {{"timeout", ARG_TEXT, "TIME", "how long the answer is waited for, up to a minute; 10s"}}},
        {"journal", "verify|tail", "the record of every change",
                "verify recomputes the chain of hashes and names the first entry that does not fit.\ntail "
                "shows the last entries.\n",
                cmd_journal, CMD_SITE | CMD_SETTINGS | CMD_DATA, 1, 1,
                {{"last", ARG_INT, "N", "so many entries; 20"}}},
        {"backup", "FOLDER", "a consistent copy of everything, also while the site is served",
                "FOLDER must not exist. It gets the records, the readings, site.yaml, brokers.yaml, "
                "mappings and a list of hashes.\n",
                cmd_backup, CMD_SITE | CMD_SETTINGS | CMD_DATA | CMD_PATHS, 1, 1,
                {{NULL, ARG_FLAG, NULL, NULL}}},
        {"restore", "FOLDER", "make a new site from a backup",
                "The site must not exist. The backup's hashes are checked first.\n", cmd_restore,
                CMD_SITE | CMD_SETTINGS | CMD_PATHS, 1, 1, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"key", "status|rotate", "the key under which secrets in the records are sealed",
                "status   its name, and whether the store's secrets are sealed by it\n"
                "rotate   a new one in front of it, and everything sealed anew; not while the site is "
                "served. The "
                "old one\n"
                "         stays in the file, since backups of before need it\n",
                cmd_key, CMD_SITE | CMD_SETTINGS, 1, 1, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"standby", "make|copy FOLDER, status, promote",
                "the second folder that a served site keeps a moment behind it",
                "The setting `standby` names the folder.\n"
                "make     an empty folder, on another disk, becomes one\n"
                "status   when it was last a whole copy, and what waits; exits with 1 if it does not follow\n"
                "copy     a copy of it as it is now, as a site, into a new folder\n"
                "promote  with --site FOLDER: makes the standby a site. Only when the first one is lost, and "
                "will not come back\n"
                "(facts and drilled are what drill asks of the serving process.)\n",
                cmd_standby, CMD_SITE | CMD_SETTINGS, 1, 2, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"drill", "", "a restore for practice: of the standby, or of a backup, into a folder that goes away",
                "Verifies the copy (records, chain of the journal, readings) and tells what would be missing "
                "(RPO) and after\n"
                "how long a restored site answers (RTO). A serving site keeps a journal entry of it. Exits "
                "with "
                "1 if the copy\nis no good.\n",
                cmd_drill, CMD_SITE | CMD_SETTINGS, 0, 0,
                {{"from", ARG_PATH, "FOLDER", "a standby or a backup; the site's standby"},
                        {"into", ARG_PATH, "DIR", "where there is room for a copy; $TMPDIR or /tmp"},
                        {"json", ARG_FLAG, "", "answer in JSON, for programs"}}},
        {"doctor", "", "look a site over: disk, store, journal, readings, things that fell silent",
                "Each line is ok, warn or bad, with what to do. Exits with 1 if anything is bad.\n",
                cmd_doctor, CMD_SITE | CMD_SETTINGS | CMD_DATA, 0, 0, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"series", "verify, repair, retention, delete SELECTOR, snapshot FOLDER, stop ID",
                "the readings as a whole: look them over, mend them, remove them, copy them",
                "verify     names every damaged place; the site may be serving\n"
                "repair     with the site stopped: writes damaged block files, and those of an older format, "
                "again from\n"
                "           what can be read of them, makes their roll-ups again, and keeps what is damaged "
                "in "
                "quarantine/\n"
                "retention  the classes of series, how long each is kept, what it has, and what the next run "
                "would take;\n"
                "           with --now that is done at once\n"
                "delete     takes readings out for good: heming series delete '{__name__=\"ch4_lel\"}' --to "
                "2026-01-01\n"
                "           counts first; --dry-run does nothing else. --reason is for the journal. Ctrl-C "
                "stops "
                "it behind\n"
                "           the file it is at: what is gone is gone, the rest stays\n"
                "snapshot   a consistent copy of the readings in a new folder, while the site goes on; "
                "Ctrl-C "
                "stops it, and nothing of it stays\n"
                "stop       a deletion that runs in the serving process, by its id; or, with the word "
                "snapshot, "
                "what others copy\n",
                cmd_series, CMD_SITE | CMD_SETTINGS, 1, 2,
                {{"from", ARG_TEXT, "TIME", "delete: only readings from then on"},
                        {"to", ARG_TEXT, "TIME", "delete: only readings up to then"},
                        {"dry-run", ARG_FLAG, "", "delete: count, and do nothing"},
                        {"reason", ARG_TEXT, "TEXT", "delete: why, for the journal"},
                        {"everything", ARG_FLAG, "",
                                "delete: all series; the word without which that is refused"},
                        {"now", ARG_FLAG, "", "retention: remove what is too old at once"}}},
        {"reload", "", "let the serving process read its certificate and brokers.yaml again, as SIGHUP does",
                "Connections from now on get the new ones. Where these cannot be used the old ones stay, and "
                "it says why.\n"
                "A server looks at the files by itself, at the certificate once a minute.\n",
                cmd_reload, CMD_SITE | CMD_SERVED, 0, 0, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"config", "", "the settings in force, and where each comes from", "", cmd_config,
                CMD_SITE | CMD_SETTINGS, 0, 0, {{"markdown", ARG_FLAG, "", "the page docs/settings.md"}}},
        {"version", "", "version and libraries", "", cmd_version, 0, 0, 0, {{NULL, ARG_FLAG, NULL, NULL}}},
        {"help", "[COMMAND]", "this, or more about one command", "", cmd_help, 0, 0, 1,
                {{NULL, ARG_FLAG, NULL, NULL}}},
        {NULL, NULL, NULL, NULL, NULL, 0, 0, 0, {{NULL, ARG_FLAG, NULL, NULL}}},
};
