/* SPDX-License-Identifier: Apache-2.0 */
#include "services/cli/command.h"

#include "common/config.h"

#include <stdio.h>
#include <string.h>

const struct command commands[] = {
    {"status", "[--json]", "how far each service has come", command_status},
    {"person", "KIND:VALUE | ONE_ID", "one person's profile, as HQ sees it (on record)", command_person},
    {"audience", "RULE | @FILE [--as-of TIME]", "how many people a rule picks (on record)", command_audience},
    {"audit", "[tree] [--actor A] [--subject S] [--action A] [--from T] [--to T] [--limit N]",
        "what is on record, newest first (on record too)", command_audit},
    {"clock", "[set TIME | advance DURATION]", "the suite's time; moves a simulated clock", command_clock},
    {"import", "FILE --map MAP [--report FILE]", "take in a CSV file; see README, \"Import\"",
        command_import},
    {"dump", "--canonical", "the state of all services, comparable between two runs", command_dump},
    {"keys", "DIRECTORY", "make the services' keys, a directory each, for services on several machines",
        command_keys},
    {0},
};

static void print_help(void)
{
    printf("usage: quanyu COMMAND …\n\n");
    for (const struct command *command = commands; command->name; command++)
        printf("  %s %s\n      %s\n", command->name, command->usage, command->help);
    printf("\nWhere the suite is, and who asks, comes from the settings (quanyu.conf, QUANYU_DATA) and the "
           "credentials\n"
           "that the first start left under <data>/bootstrap. `quanyu --settings` lists all settings.\n");
}

int command_usage(const char *name)
{
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            fprintf(stderr, "usage: quanyu %s %s\n", command->name, command->usage);
    return 2;
}

int command_main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_help();
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("quanyu %s\n", QUANYU_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--settings") == 0) {
        config_print_help();
        return 0;
    }
    for (const struct command *command = commands; command->name; command++)
        if (strcmp(command->name, argv[1]) == 0)
            return command->run(argc - 1, argv + 1);
    fprintf(stderr, "quanyu: there is no command \"%s\"; see quanyu --help\n", argv[1]);
    return 2;
}
