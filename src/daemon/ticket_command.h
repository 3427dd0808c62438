/* `roomd ticket`: makes one ticket, for trying things out and for login services that are shell scripts. */
#ifndef ROOMD_DAEMON_TICKET_COMMAND_H
#define ROOMD_DAEMON_TICKET_COMMAND_H

/* `argv[0]` is the command's own name. Prints the ticket in a line of its own; returns the exit status. */
int ticket_command(int argc, char **argv);

#endif
