/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/command.h"

#include "common/config.h"
#include "common/mem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct command commands[] = {
    {"status", "[--json]", "how far each service has come", command_status,
        "Shows the suite's time and, for each service, whether it is ready, how far into the\n"
        "gateway's journal it has come, the end of its own journal, how many records it lags\n"
        "behind, and its size on disk.\n\n"
        "  --json    everything that is known, as JSON\n",
        "quanyu status"},
    {"person", "KIND:VALUE | ONE_ID", "one person's profile, as HQ sees it (on record)", command_person,
        "Prints the profile as JSON, personal values masked. The look is on record in the audit\n"
        "log, a miss too.\n\n"
        "  KIND:VALUE    any identifier: user_id, phone, email, wechat_unionid, member_card, …\n"
        "  ONE_ID        the public number, p_…\n",
        "quanyu person phone:13800138000"},
    {"audience", "RULE | @FILE [--as-of TIME]", "how many people a rule picks (on record)", command_audience,
        "Counts the persons whom a rule picks, joined ones once. The question is on record in the\n"
        "audit log.\n\n"
        "  RULE            JSON; see README, \"Rules\"\n"
        "  @FILE           the rule, in a file\n"
        "  --as-of TIME    as things stood then: 2026-03-01T08:30:00Z, or a date\n",
        "quanyu audience '{\"metric\":\"revenue\",\"gte\":\"500.00\"}'"},
    {"audit",
        "[search] | count | histogram --by X | report NAME | ocsf [--FILTER VALUE] … | tree | key | "
        "rotate-key | "
        "witness-key … | witness … | verify … | verify-receipt FILE … | retention … | hold … | backup TO … | "
        "restore FROM … | mirror …",
        "what is on record (asking is on record too); proving it; copies of it", command_audit,
        "Prints records of the audit log as JSON, counts them, or with \"tree\" prints the log's size and "
        "root hash.\n\n"
        "  search              a page of records; also without this word\n"
        "    --order O         newest (first) or oldest; --limit N how many at most; --cursor C go on at "
        "next_cursor\n"
        "  count               how many there are\n"
        "  histogram --by X    how many by hour, day, month, or a filter's name; --top N of them\n"
        "  report NAME         daily-use, unmasking, exports or refused; --format json, csv or html\n"
        "  ocsf                JSON lines of the Open Cybersecurity Schema, oldest first\n"
        "    --lines N         how many at most; --from_index I go on there\n\n"
        "Filters, each as often as you like: any of its values; VALUE* is any that begins so.\n"
        "  --actor A           who did it; --actor_kind, --role, --unit, --token, --address\n"
        "  --subject S         on whom: a One ID; records of joined persons are included\n"
        "  --operation O       what: person.lookup, audience.count, …; --field what was shown of it\n"
        "  --unmasked true     personal values were shown in the clear\n"
        "  --purpose P         why; --journey, --task; --outcome how it ended; --service where\n"
        "  --has H             missed, purpose, rule, set or unmasked; --rule, --set, --missed, "
        "--missed_kind\n"
        "  --from T, --to T    when: a time, or a date in --timezone Z\n\n"
        "How long records are kept; changes take an administrator's token:\n"
        "  retention           by kind of record, and what was pruned so far\n"
        "  retention set KIND=DAYS …    others stay as they are; KIND=forever. What is past its time goes, "
        "for good\n"
        "  hold list | add NAME --reason R [--FILTER VALUE] … | release ID --reason R    what is held "
        "stays\n\n"
        "On the machine of the log, with the key \"cli\" (changes are on record):\n"
        "  key                 the verifier keys by which the log is checked, oldest first\n"
        "  rotate-key          sign with a new key; the one before vouches for it. --lost: it cannot any "
        "more\n"
        "  witness-key list | add KEY | remove KEY    who may cosign\n\n"
        "  backup TO           a copy of the log, taken while the service runs and checked as verify does, "
        "with all "
        "that\n"
        "                      was acknowledged before; what an earlier one beside it holds is not copied "
        "again.\n"
        "                      That it is taken is on record first, by an administrator's token: the one of "
        "the\n"
        "                      first start, or with --url and --token-file\n"
        "    --with-key        the secret that signs, too: who has it can sign a forged log in this one's "
        "name,\n"
        "                      so keep it apart. Without it a restored log is signed once its file is put "
        "back\n"
        "    --files DIR       the log's directory, where it is not <data>/audit\n"
        "  restore FROM --to DIR    checks the copy as verify does, and puts it where a service can start on "
        "it:\n"
        "                      <data>/audit, which must not be there or be empty\n"
        "    --as-copy         where a warm copy goes on, and no service: of a log of which something was "
        "pruned\n"
        "    --and COPY        a warm copy of the same log, for what it has beyond the backup\n"
        "    --key KEY         the log's verifier key, that you know\n\n"
        "Anywhere, with the log's --url and a --token-file (on the machine of the log itself without both):\n"
        "  witness --state FILE    see that the log goes on from what it was, and cosign it\n"
        "    --key KEY             at first: the log's verifier key\n"
        "    --name NAME           at first: this witness's own\n"
        "    --show-key            only print its verifier key, for witness-key add\n"
        "    --once                one look; else every 60 s, or --every SECONDS\n"
        "    --alarm-command C, --alarm-webhook URL    who hears of a fork or a rollback, too\n"
        "    --accept-restore N    once, by a person: record N says that the log was put back from an older\n"
        "                          backup, and that is so; it is followed from there, and nothing cosigned "
        "now\n"
        "    exit status: 0 all is well, 1 the log could not be asked, 3 alarm\n"
        "  mirror --to DIR         a warm copy on another machine: follows the log, checks all that it "
        "takes\n"
        "                          against what was signed before it keeps it, and goes on wherever it was "
        "ended\n"
        "    --key KEY             at first, or where the log's key was lost: its verifier key\n"
        "    --once                up to what is signed now; else every second, or --every SECONDS\n"
        "    --alarm-command C, --alarm-webhook URL    who hears of a fork, a rollback or a damaged record, "
        "too\n"
        "    exit status: as witness\n"
        "  verify [--files DIR] [--key KEY]    read it all, make each hash anew, check signatures, "
        "cosignatures\n"
        "                        and, in files (a copy of <data>/audit), indexes and exact sets; says what "
        "is\n"
        "                        wrong where. --without-indexes: in a fraction of the time. --threads N\n"
        "    --seen FILE         keep the newest checkpoint there, and hold the next run against it: an "
        "older log\n"
        "                        that was put back, or one that was written anew, is found without a "
        "witness, too\n"
        "                        Exit status 1: something is, or it could not be read\n"
        "  verify-receipt FILE --key KEY [--witness KEY]    check a receipt, without a network\n",
        "quanyu audit histogram --by day --actor st_7 --operation 'person.*' --timezone Asia/Shanghai"},
    {"clock", "[set TIME | advance DURATION]", "the suite's time; moves a simulated clock", command_clock,
        "Prints the time. Where the setting clock is simulated it can be moved forward: from due\n"
        "timer to due timer, waiting until all is quiet before each.\n\n"
        "  set TIME            to this moment, 2026-03-01T08:30:00Z\n"
        "  advance DURATION    by so much: 90s, 15m, 36h, 30d, 6w\n",
        "quanyu clock advance 90d"},
    {"import", "FILE --map MAP [--report FILE] [--as-new]", "take in a CSV file; see README, \"Import\"",
        command_import,
        "Turns lines of a file into events, as a mapping in JSON says. Run again it counts nothing\n"
        "twice: each event has an id made of the file's content, the mapping, and the line's number.\n\n"
        "  --map MAP        the mapping; services/cli/mapping.h describes it whole\n"
        "  --report FILE    where lines that were not taken go, with the reason; FILE.report.csv in\n"
        "                   the current directory where none is named\n"
        "  --as-new         also when a file of the same name, or one that begins alike, was imported\n"
        "                   before with other content or another mapping: what both have in common\n"
        "                   then counts twice, except orders that bear an id\n\n"
        "Exit status: 0 all lines were taken, or left out by the mapping; 1 it could not be imported,\n"
        "or not to its end (run it again); 2 wrong usage; 3 the rest was taken, and some lines are in\n"
        "the report.\n",
        "quanyu import sales.csv --map sales.json"},
    {"dead-letters", "list | show ID | summary | replay | delete",
        "events that were refused or belong to nobody, and what to do with them", command_dead_letters,
        "list and show print refused events as JSON, personal values masked (on record); summary how many "
        "there\n"
        "are. replay tries them again, and delete lets them go. Which ones: IDs, a filter, or --all.\n\n"
        "  --reason R            why it was refused: missing_field, no_user_anon_id, …\n"
        "  --source N            the number of the write key\n"
        "  --from T, --to T      when it came\n"
        "  --limit N, --cursor C list: how many at most; go on at next_cursor of an earlier answer\n"
        "  --map MAP | @FILE     replay: corrections, JSON; README, \"Dead letters\"\n"
        "  --dry-run             replay: only say how many would be accepted\n",
        "quanyu dead-letters replay --reason missing_field --map "
        "'[{\"rename\":\"/user\",\"to\":\"/userId\"}]' --dry-run"},
    {"dump", "--canonical", "the state of all services, comparable between two runs (on record)",
        command_dump,
        "Prints the state of all services as sorted lines in which numbers that depend on the order\n"
        "of arrival are replaced by names: two runs over the same input give the same text. Takes\n"
        "memory for all of it. That it was made is on record in the audit log.\n",
        "quanyu dump --canonical > before"},
    {"key",
        "list | show ID | create NAME … | change ID … | pause ID | resume ID | rotate ID … | revoke ID "
        "SECRET | delete ID",
        "write keys: what each source of events may send, and its secrets", command_key,
        "Prints the key as JSON. create and rotate show the new secret, this once.\n\n"
        "  create NAME, change ID    with any of these; what is left out stays, or allows all:\n"
        "    --name NAME             another name\n"
        "    --description TEXT\n"
        "    --platform P            server (a new key's), browser (anybody can read it) or any\n"
        "    --source S              context.source of its events: one of these; the first one is put\n"
        "                            where an event states none. Repeat it for more\n"
        "    --channel C             context.channel, likewise\n"
        "    --unit U                where its events happen, by id or as code:…; none\n"
        "    --type T                identify, track, page, screen, group, alias; repeat it\n"
        "    --event PATTERN         names of track events, * for any text; repeat it\n"
        "    --origin O              pages that may use it: https://shop.example.com, https://*.example.com\n"
        "    --import yes|no         whether it may send history\n"
        "    --rate N[/BURST]        events a second, and at once after a pause; 0: unlimited,\n"
        "                            default: as the settings say\n"
        "    --expires TIME|never\n"
        "                            --source, --channel, --type, --event and --origin take all for "
        "everything\n"
        "  rotate ID                 a new secret; the old one goes on\n"
        "    --overlap DURATION      for so long: 0s, 15m, 24h, 30d\n"
        "    --until TIME            or until then\n"
        "  revoke ID SECRET          one secret, by the id that show lists: refused from now on\n"
        "  delete ID                 the key with all its secrets: refused from now on\n",
        "quanyu key create \"Web shop\" --platform browser --source web --origin https://shop.example.com"},
    {"staff",
        "list … | show ID | create [LOGIN] … | change ID … | invite ID | leave ID | work ID | reset-factor "
        "ID | token …",
        "members of staff: role, unit, invitation, tokens, leaving", command_staff,
        "Prints what the API answers as JSON. An ID is st_….\n\n"
        "  list [--unit U] [--role R] [--state invited|active|left] [--limit N] [--cursor C]\n"
        "                            in that unit or below it\n"
        "  create [LOGIN] --role R --unit U, change ID    with any of these (without a login it is the id):\n"
        "    --name N, --email E, --phone P\n"
        "    --code C                your own number of theirs, which events name as context.staff\n"
        "    --role R, --unit U      in force for the next request\n"
        "    --login L               change: another login\n"
        "  invite ID                 a one-time link for setting a password; those before are void\n"
        "  leave ID                  ends tokens, sessions, invitations and password at once, and tokens "
        "and\n"
        "                            invitations made for others; says what needs someone new\n"
        "  work ID                   what would\n"
        "  reset-factor ID           the second factor of somebody who has lost it\n"
        "  token list ID\n"
        "  token create ID NAME      shown this once\n"
        "    --permission P          for this alone; repeat it\n"
        "    --expires TIME          in a year, if not said\n"
        "  token revoke ID TOKEN     refused from now on\n",
        "quanyu staff create li.lei@example.com --name 李雷 --role store_manager --unit u_1"},
    {"role", "list | show NAME | create NAME … | change NAME … | delete NAME",
        "roles: what members of staff may do", command_role,
        "Prints the role as JSON; list shows those out of the box too, which are fixed.\n\n"
        "  create NAME, change NAME\n"
        "    --permission P          what it allows: person.read, segment.manage, …; repeat it\n"
        "    --description TEXT\n"
        "    --own-people yes|no     whether who has it sees the people bound to him or her alone\n",
        "quanyu role create vip_desk --permission person.read --permission personal.masked"},
    {"bootstrap", "[--token] [--file PATH]", "access for the first admin, when there is none (on record)",
        command_bootstrap,
        "Where the suite was started with bootstrap = none, or all access was lost: makes a one-time\n"
        "invitation for the HQ admin, who is made when there is none, and resets the second factor.\n"
        "Works on the machine itself, with the key \"cli\".\n\n"
        "  --token         a token for the API, for a day, instead of an invitation\n"
        "  --file PATH     into a new file that nobody else can read, not to the screen\n",
        "quanyu bootstrap --file admin.json"},
    {"auditor", "list | create NAME [--days N] [--role reader|administrator] | revoke ID",
        "auditors' tokens (on record)", command_auditor,
        "The audit service has tokens of its own, which nobody at HQ can make. Works on the machine itself,\n"
        "with the key \"cli\". Prints a line of JSON each.\n\n"
        "  create NAME     shown this once\n"
        "    --days N      how long it is valid; a year, if not said\n"
        "    --role R      reader, if not said, or administrator: may make and revoke others on the audit "
        "port\n"
        "  revoke ID       at_…; refused from now on\n",
        "quanyu auditor create \"Wang, external audit\" --days 30"},
    {"keys", "DIRECTORY", "make the services' keys, a directory each, for services on several machines",
        command_keys,
        "Makes a directory for each service, and one for this command line, with its own pair and\n"
        "the public keys of all others; each goes to where the service runs, as its setting keys.\n"
        "Changes nothing that is there.\n",
        "quanyu keys ./keys"},
    {"identity",
        "explain R R | history ONE_ID | conflicts | busy | decisions | join R R … | split ONE_ID R … | "
        "move ONE_ID R … | block R … | reassign R … | withdraw POSITION … | undo ID … | rules [FILE] | "
        "dry-run [FILE]",
        "who is who: why, and what is decided by hand (on record)", command_identity,
        "An identifier R is KIND:VALUE or its id, i_…. What looks prints lines, or JSON with --json; what\n"
        "decides prints JSON.\n\n"
        "  explain R R               why the two are one person, or what speaks against it\n"
        "  history ONE_ID            how the person came to be, the oldest first\n"
        "  conflicts                 pairs that were seen together and are not one person, by a rule\n"
        "  busy                      identifiers that join nothing: seen with very many others, or several "
        "people's\n"
        "  decisions                 by hand, the newest first\n"
        "    --limit N, --cursor C   how many at most; go on where an earlier answer ended\n"
        "  join R R                  the two are one person\n"
        "  split ONE_ID R …          these are not that person, but one by themselves\n"
        "  move ONE_ID R             that other person's identifier is this one's\n"
        "  block R                   is nobody's: it joins nothing\n"
        "  reassign R                a phone or an email is somebody else's since then\n"
        "    --since TIME            as in 2026-02-01T00:00:00Z\n"
        "  withdraw POSITION         what that event says of who is who does not count\n"
        "  undo ID                   the decision d_… holds no more\n"
        "    --reason TEXT           all of these need one; on record\n"
        "  rules [FILE]              by which rules identifiers become persons; other ones from a file "
        "(JSON)\n"
        "  dry-run [FILE]            begin to find out what rules would make of everybody; how far that is\n",
        "quanyu identity join user_id:u-1001 member_card:M-77 --reason \"showed both at the till\""},
    {"duplicates", "search | progress | list … | dismiss ID --reason TEXT",
        "people who are likely one, though no identifier proves it (on record)", command_duplicates,
        "  search                    starts to look for them, over everybody; answers at once\n"
        "  progress                  how far it is, and what the last search learnt: the weights\n"
        "  list                      the pairs, the likeliest first: probability, score in bits and id, how\n"
        "                            they agree and what it weighs, and both persons, masked\n"
        "    --limit N, --cursor C   how many at most; go on where an earlier answer ended\n"
        "    --json                  the API's answer\n"
        "  dismiss ID                they are two people: the pair is listed no more\n"
        "    --reason TEXT           why; on record\n\n"
        "None is joined by itself: `quanyu identity join` does, with an identifier of each.\n",
        "quanyu duplicates list --limit 10"},
    {"unit", "list … | show U | create NAME … | change U … | move U PARENT | delete U | import FILE",
        "units: HQ, regions, distributors, stores", command_unit,
        "A unit U is named by its id, u_7, or by its code, code:S-0012. list prints the tree, a line each;\n"
        "the others print JSON.\n\n"
        "  list                    all; --below U: that one and what is below it; --kind K;\n"
        "                        --closed true|false: by today's date\n"
        "  create NAME, change U   with any of these; none takes away what is there:\n"
        "    --parent U            create needs one: u_1 is HQ\n"
        "    --kind K              region, distributor, store, or one of your own; create needs one\n"
        "    --name NAME           another name\n"
        "    --code C              your own, by which tills and files name it\n"
        "    --ownership O         owned or franchised\n"
        "    --opened DATE, --closed DATE\n"
        "    --zone Z              IANA time zone, where it is not the parent's\n"
        "  move U PARENT           with all below it\n"
        "  delete U                one that nothing belongs to\n"
        "  import FILE             CSV with a head: "
        "code,name,kind,parent_code,ownership,opened_on,closed_on,\n"
        "                          time_zone; 50,000 lines at most, all of them or none. --dry-run: only "
        "say\n"
        "                          what would become of them\n",
        "quanyu unit create \"Nanjing Road\" --parent code:EAST --kind store --code S-0012 --ownership "
        "owned"},
};

static bool asks_for_help(const char *argument)
{
    return strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0;
}

static void print_help(void)
{
    printf("usage: quanyu COMMAND …\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        printf("  %s %s\n      %s\n", commands[i].name, commands[i].usage, commands[i].help);
    printf("\n`quanyu COMMAND --help` says more of one.\n"
           "Where the suite is, and who asks, comes from the settings (quanyu.conf, QUANYU_DATA) and the "
           "credentials\n"
           "that the first start left under <data>/bootstrap. `quanyu --settings` lists all settings.\n");
}

static void print_command_help(const struct command *command)
{
    printf("usage: quanyu %s %s\n\n%s\nExample: %s\n", command->name, command->usage, command->details,
        command->example);
}

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

int command_usage(const char *name)
{
    const struct command *command = find(name);
    fprintf(stderr, "usage: quanyu %s %s\n`quanyu %s --help` says more.\n", name,
        command ? command->usage : "", name);
    return 2;
}

int command_unknown(const char *name, const char *argument)
{
    fprintf(stderr, "quanyu: %s: unknown argument \"%s\"\n", name, argument);
    return command_usage(name);
}

int command_act(const struct action *actions, size_t count, int argc, char **argv)
{
    if (argc < 2)
        return command_usage(argv[0]);
    for (size_t i = 0; i < count; i++) {
        int given = argc - 2;
        if (strcmp(actions[i].name, argv[1]) != 0)
            continue;
        if (given < actions[i].least)
            return command_usage(argv[0]);
        if (given > actions[i].most)
            return command_unknown(argv[0], argv[2 + actions[i].most]);
        if (actions[i].least > 0 && argv[2][0] == '-')
            return command_unknown(argv[0], argv[2]);
        return actions[i].run(given, argv + 2);
    }
    return command_unknown(argv[0], argv[1]);
}

static int run(int argc, char **argv)
{
    const struct command *command = find(argv[0]);
    if (!command) {
        fprintf(stderr, "quanyu: there is no command \"%s\"; see quanyu --help\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++)
        if (asks_for_help(argv[i])) {
            print_command_help(command);
            return 0;
        }
    return command->run(argc, argv);
}

static void print_version(void)
{
    printf("quanyu %s\n", QUANYU_VERSION);
}

int command_main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } about[] = {
        {"--help", print_help},
        {"-h", print_help},
        {"help", print_help},
        {"--version", print_version},
        {"--settings", config_print_help},
    };
    if (argc < 2) {
        print_help();
        return 2;
    }
    for (size_t i = 0; i < COUNT_OF(about); i++) {
        if (strcmp(about[i].name, argv[1]) != 0)
            continue;
        if (argc > 2) {
            fprintf(stderr, "quanyu: unknown argument \"%s\"; see quanyu --help\n", argv[2]);
            return 2;
        }
        about[i].print();
        return 0;
    }
    return run(argc - 1, argv + 1);
}
