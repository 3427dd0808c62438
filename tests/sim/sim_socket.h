/*
 * Sockets of the simulated kernel: two bounded pipes, and who has closed what. The server's side is reached by net/sys.h
 * alone; here is the other.
 *
 *     1. a socket is freed when both sides have let go of it.
 *     2. who closes with something unread sends a reset, which takes what the other has not read yet with it.
 *     3. is_hurt says that a fault that was put in ended it, or will: of such a connection nothing is promised.
 */
#ifndef TESTS_SIM_SIM_SOCKET_H
#define TESTS_SIM_SIM_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_pipe {
    uint8_t *bytes;
    uint32_t size;
    uint32_t start;
    uint32_t used;
};

struct sim_socket {
    struct sim_socket *next; /* in its listener's backlog */
    struct sim_pipe to_server;
    struct sim_pipe to_client;
    uint32_t address; /* IPv4, of the client */
    int fd;           /* the server's; -1 before it is accepted and after it is closed */
    bool is_unix;
    bool client_is_done; /* has said FIN */
    bool client_is_gone;
    bool server_is_done;
    bool server_is_gone;
    bool is_reset;
    bool error_is_told; /* the server has seen the reset */
    bool is_hurt;
};

/* How a client's read ended, where it read nothing. */
enum { SIM_READ_NOTHING = 0, SIM_READ_END = -1, SIM_READ_RESET = -2 };

/*
 * Connects; `to_server` and `to_client` are what the kernel's buffers take. NULL: nobody listens, or too many wait.
 * Must be closed by sim_close or sim_reset.
 */
struct sim_socket *sim_connect(uint32_t listener, uint32_t address, uint32_t to_server, uint32_t to_client);
/* How much of it the kernel takes: 0 when it is full, or nobody reads it any more. */
size_t sim_send(struct sim_socket *socket, const void *bytes, size_t size);
/* At most `size` bytes; above 0 how many, or one of the above. */
long sim_receive(struct sim_socket *socket, void *bytes, size_t size);
/* Says FIN. */
void sim_finish(struct sim_socket *socket);
/* The client lets go: with a FIN, or a reset when it has not read everything. */
void sim_close(struct sim_socket *socket);
void sim_reset(struct sim_socket *socket);

/* The server's side, for the kernel. */
uint32_t sim_socket_events(const struct sim_socket *socket);
/* Above 0: bytes; 0: the end; -errno. */
long sim_socket_read(struct sim_socket *socket, void *bytes, size_t size);
/* As much as there is space for; -EAGAIN, or another -errno. */
long sim_socket_write(struct sim_socket *socket, const void *bytes, size_t size);
/* The connection is lost, by a fault. */
void sim_socket_lose(struct sim_socket *socket);
void sim_socket_leave(struct sim_socket *socket); /* the server closes */
uint32_t sim_pipe_space(const struct sim_pipe *pipe);

#endif
