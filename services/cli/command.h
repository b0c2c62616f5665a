/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of `quanyu`. Each gets its own arguments (argv[0] is its name) and returns the exit status: 0, 1 when it failed, 2
 * on wrong usage; `import` has more. `--help` never reaches them. */
#ifndef QY_CLI_COMMAND_H
#define QY_CLI_COMMAND_H

#include "common/buffer.h"

#include <stddef.h>

struct command {
    const char *name;
    const char *usage; /* behind the name */
    const char *help;
    int (*run)(int argc, char **argv);
    const char *details; /* of its own help: what it does, its arguments */
    const char *example;
};

/* Runs the command that argv[1] names, or shows the help. */
int command_main(int argc, char **argv);
/* Prints the usage of the command and returns 2. */
int command_usage(const char *name);
/* The same, naming an argument that the command does not know. */
int command_unknown(const char *name, const char *argument);

/* What a command does by its first word: `key create`. */
struct action {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is what stands behind the name */
    int least, most; /* arguments behind it; where there must be one, the first is no option */
};
int command_act(const struct action *actions, size_t count, int argc, char **argv);

int command_status(int argc, char **argv);
int command_person(int argc, char **argv);
int command_audience(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_clock(int argc, char **argv);
int command_dump(int argc, char **argv);
int command_key(int argc, char **argv);
int command_keys(int argc, char **argv);
int command_dead_letters(int argc, char **argv);
int command_staff(int argc, char **argv);
int command_role(int argc, char **argv);
int command_bootstrap(int argc, char **argv);
int command_auditor(int argc, char **argv);
int command_import(int argc, char **argv);
int command_unit(int argc, char **argv);
int command_identity(int argc, char **argv);
int command_duplicates(int argc, char **argv);

/* A whole file, appended; false with a message that names it. */
bool command_read_file(const char *name, struct buffer *text);

#endif
