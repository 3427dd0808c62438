/*
 * What an idle player in a room costs in user space, by the kernel's account of this process. The clients' ends
 * lie in a child, so that only the server's side is counted.
 */
#include "support/component.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/log.h"
#include "content/host.h"
#include "net/listener.h"

enum { SESSIONS_WANTED = 10000, SESSIONS_LEAST = 2000, BYTES_A_SESSION_MAX = 500, OTHER_DESCRIPTORS = 100 };

/* Resident bytes that are this process's own. */
static uint64_t resident_bytes(void)
{
    unsigned long size;
    unsigned long resident;
    unsigned long shared;
    FILE *file = fopen("/proc/self/statm", "r");

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu %lu", &size, &resident, &shared), 3);
    fclose(file);
    return (uint64_t)(resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* As many sessions as the descriptors of one process allow; the child has as many of its own. */
static uint32_t sessions_possible(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur >= SESSIONS_WANTED + OTHER_DESCRIPTORS) {
        return SESSIONS_WANTED;
    }
    return limit.rlim_cur > OTHER_DESCRIPTORS ? (uint32_t)limit.rlim_cur - OTHER_DESCRIPTORS : 0;
}

/* Connects so often and then stays until it is killed. */
static _Noreturn void be_the_clients(const struct address *address, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (const struct sockaddr *)&address->storage, address->bytes) < 0) {
            _exit(1);
        }
    }
    for (;;) {
        pause();
    }
}

static struct room *open_room(struct fixture *fixture)
{
    struct room_options options = fixture_room_options();

    options.is_autojoin = true;
    options.capacity = SESSIONS_WANTED;
    return fixture_room_of(fixture, "room", &options, content_find("chat"));
}

static void accept_all(struct fixture *fixture, pid_t child, uint32_t count)
{
    const struct room *room = fixture->engine.lobby.autojoin;

    for (int tries = 0; tries < 100000 && room->member_count < count; tries++) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        fixture_turn(fixture);
        usleep(room->member_count < count ? 200 : 0);
    }
    assert_int_equal(room->member_count, count);
}

static void an_idle_session_costs_little(void **state)
{
    struct engine_limits limits = fixture_limits();
    uint32_t count = sessions_possible();
    struct address address = {.bytes = sizeof(struct sockaddr_un)};
    struct sockaddr_un *sun = (struct sockaddr_un *)&address.storage;
    struct fixture *fixture;
    struct listener *listener;
    struct room *room;

    (void)state;
    if (ASAN_IS_ON || count < SESSIONS_LEAST) {
        print_message("not measured: %s\n",
                      ASAN_IS_ON ? "the sanitizer keeps memory of its own" : "too few descriptors");
        skip();
    }
    sun->sun_family = AF_UNIX;
    snprintf(sun->sun_path, sizeof(sun->sun_path), "/tmp/roomd-memory-%d", (int)getpid());
    limits.sessions_max = SESSIONS_WANTED;
    listener = calloc(1, sizeof(*listener));
    assert_non_null(listener);
    fixture = fixture_open(&limits);
    log_set_level(LOG_LEVEL_WARN);
    room = open_room(fixture);
    assert_int_equal(listener_open(listener, &fixture->engine.net.reactor, &fixture->engine.timers, &address,
                                   512, session_accept, &fixture->engine),
                     0);

    pid_t child = fork();

    if (child == 0) {
        be_the_clients(&address, count);
    }
    fixture_turn(fixture);

    uint64_t before = resident_bytes();
    uint32_t already = room->seats;

    accept_all(fixture, child, count);

    uint64_t after = resident_bytes();
    double each = (double)(after - before) / (double)(count - already);

    print_message("%u idle sessions in a room: %.0f bytes each\n", count, each);
    assert_true(each <= BYTES_A_SESSION_MAX);
    assert_true(each >= sizeof(struct session)); /* or it was not measured */
    assert_int_equal(fixture->engine.net.gather.blocks.used, 0);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    listener_close(listener);
    for (int i = 0; i < 1000 && fixture->engine.sessions.used > 0; i++) {
        fixture_turn(fixture);
    }
    fixture_close(fixture);
    free(listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_session_costs_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
