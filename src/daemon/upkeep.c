#include "daemon/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "content/host.h"
#include "daemon/activation.h"
#include "daemon/callback_limit.h"
#include "daemon/sandbox.h"
#include "daemon/server.h"

/* Resident bytes of this process, as the kernel counts them; 0: it does not say. */
static uint64_t resident_bytes(void)
{
    char text[128];
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *resident;

    if (fd >= 0) {
        close(fd);
    }
    if (bytes <= 0) {
        return 0;
    }
    text[bytes] = '\0';
    resident = strchr(text, ' '); /* the second of its numbers, in pages */
    return resident == NULL ? 0 : strtoull(resident, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t upkeep_memory_bytes_max(const struct upkeep *upkeep, uint64_t memory_bytes_max)
{
    return upkeep->program_bytes < memory_bytes_max / 2 ? memory_bytes_max - upkeep->program_bytes
                                                        : memory_bytes_max / 2;
}

static void take_spares(struct upkeep *upkeep)
{
    for (int i = 0; i < UPKEEP_SPARES; i++) {
        upkeep->spares[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
}

static void give_spares_back(struct upkeep *upkeep)
{
    for (int i = 0; i < UPKEEP_SPARES; i++) {
        if (upkeep->spares[i] >= 0) {
            close(upkeep->spares[i]);
            upkeep->spares[i] = -1;
        }
    }
}

int upkeep_init(struct server *server)
{
    int rc = notify_open(&server->upkeep.notify);

    server->upkeep.program_bytes = resident_bytes();
    memset(server->upkeep.spares, -1, sizeof(server->upkeep.spares));
    if (rc < 0) {
        fprintf(stderr, "roomd: NOTIFY_SOCKET, WATCHDOG_USEC: %s\n", strerror(-rc));
        return rc;
    }
    rc = activation_take(CONFIG_LISTEN_MAX, &server->upkeep.inherited);
    if (rc < 0) {
        fprintf(stderr, "roomd: LISTEN_FDS: %s (at most %d)\n", strerror(-rc), CONFIG_LISTEN_MAX);
        notify_close(&server->upkeep.notify);
    }
    return rc;
}

/* It need do nothing: that there is a turn is all. */
static void on_watchdog(struct timer *timer, uint64_t now_ns)
{
    struct server *server = LIST_ENTRY(timer, struct server, upkeep.watchdog_timer);

    timer_arm(&server->engine.timers, timer, now_ns + server->upkeep.notify.period_ns);
}

int upkeep_open(struct server *server)
{
    struct upkeep *upkeep = &server->upkeep;
    int rc = timer_open(&server->engine.timers, &upkeep->watchdog_timer, on_watchdog);

    if (rc == 0 && upkeep->notify.period_ns > 0) {
        timer_arm(&server->engine.timers, &upkeep->watchdog_timer,
                  server->engine.now_ns + upkeep->notify.period_ns);
    }
    return rc;
}

int upkeep_drop_root(struct server *server)
{
    const char *user = server->config.server.run_as;
    int rc;

    if (user[0] == '\0') {
        return 0;
    }
    rc = sandbox_drop(user);
    if (rc < 0) {
        fprintf(stderr, "roomd: run_as = %s: %s\n", user,
                rc == -ENOENT  ? "there is no such user"
                : rc == -EPERM ? "only root can become somebody else, for good"
                               : strerror(-rc));
    }
    return rc;
}

/* A content that may call what it likes, for it does not say otherwise; NULL: none does. */
static const char *find_unsandboxed(const struct room_config *rooms, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct roomd_content *module = rooms[i].module;

        if (content_find(module->name) != module && (module->flags & ROOMD_CONTENT_SANDBOXED) == 0) {
            return module->name;
        }
    }
    return NULL;
}

static bool has_unix_listener(const struct server *server)
{
    for (uint32_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].address.storage.ss_family == AF_UNIX && !server->listeners[i].is_adopted) {
            return true;
        }
    }
    return false;
}

static void start_filter(struct server *server)
{
    const struct config *config = &server->config;
    const char *content = find_unsandboxed(config->rooms, config->room_count);
    struct sandbox_needs needs = {.notify_fd = server->upkeep.notify.fd,
                                  .is_unlinking = has_unix_listener(server),
                                  .running = &server->engine.running};
    unsigned uid = geteuid();
    int rc;

    if (content == NULL) {
        content = find_unsandboxed(config->templates, config->template_count);
    }
    if (!config->server.has_seccomp || !sandbox_is_possible()) {
        LOG(LOG_LEVEL_INFO, "sandbox", "uid=%u seccomp=no why=\"%s\"", uid,
            config->server.has_seccomp ? "not in this build" : "the config says so");
    } else if (content != NULL) {
        LOG(LOG_LEVEL_WARN, "sandbox", "uid=%u seccomp=no content=%s why=\"it does not say that it can\"",
            uid, content);
    } else if ((rc = sandbox_enter(&needs)) < 0) {
        LOG(LOG_LEVEL_WARN, "sandbox", "uid=%u seccomp=no why=\"%s\"", uid, strerror(-rc));
    } else {
        LOG(LOG_LEVEL_INFO, "sandbox", "uid=%u seccomp=yes", uid);
    }
    if (uid == 0) {
        LOG(LOG_LEVEL_WARN, "runs_as_root", "hint=\"run_as = NAME in the config\"");
    }
}

/* Who asks the manager (systemctl status) reads this. */
static const char *status_text(const struct server *server, char text[NOTIFY_STATUS_BYTES_MAX])
{
    snprintf(text, NOTIFY_STATUS_BYTES_MAX, "%u sessions, %u rooms", server->engine.sessions.used,
             server->engine.lobby.count);
    return text;
}

static void tell_ready(struct server *server)
{
    char text[NOTIFY_STATUS_BYTES_MAX];

    notify_ready(&server->upkeep.notify, status_text(server, text));
}

int upkeep_start(struct server *server)
{
    take_spares(&server->upkeep);

    int rc = callback_limit_open(&server->engine, server->config.server.callback_max_ns);

    if (rc < 0) {
        LOG(LOG_LEVEL_ERROR, "callback_max", "error=\"%s\"", strerror(-rc));
        return rc;
    }
    start_filter(server);
    tell_ready(server);
    return 0;
}

void upkeep_turn(struct server *server)
{
    notify_turn(&server->upkeep.notify, server->engine.now_ns);
}

void upkeep_begin_reload(struct server *server)
{
    notify_reloading(&server->upkeep.notify, clock_now_ns());
    give_spares_back(&server->upkeep);
}

void upkeep_end_reload(struct server *server)
{
    int rc = callback_limit_set(server->config.server.callback_max_ns);

    if (rc < 0) {
        LOG(LOG_LEVEL_ERROR, "callback_max", "error=\"%s\"", strerror(-rc));
    }
    take_spares(&server->upkeep);
    tell_ready(server);
}

void upkeep_stop(struct server *server)
{
    char text[NOTIFY_STATUS_BYTES_MAX];

    notify_stopping(&server->upkeep.notify, status_text(server, text));
}

void upkeep_tell_status(struct server *server)
{
    char text[NOTIFY_STATUS_BYTES_MAX];

    notify_status(&server->upkeep.notify, status_text(server, text));
}

void upkeep_fini(struct server *server)
{
    give_spares_back(&server->upkeep);
    callback_limit_close();
    timer_close(&server->engine.timers, &server->upkeep.watchdog_timer);
    notify_close(&server->upkeep.notify);
}
