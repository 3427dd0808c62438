#include "daemon/signals.h"

#include <errno.h>

#include "base/list.h"

static void signals_on_ready(struct source *source, uint32_t events)
{
    struct signals *signals = LIST_ENTRY(source, struct signals, source);
    struct signalfd_siginfo info;

    (void)events;
    while (sys_read_signal(source->fd, &info) == 0) {
        signals->on_signal(signals->context, (int)info.ssi_signo);
    }
}

void signals_init(struct signals *signals)
{
    *signals = (struct signals){.source = {.fd = -1}};
}

int signals_open(struct signals *signals, struct reactor *reactor,
                 void (*on_signal)(void *context, int signal), void *context)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return -errno;
    }

    int fd = sys_signalfd(&set);

    if (fd < 0) {
        return fd;
    }
    *signals = (struct signals){
        .source = {.fd = fd, .on_ready = signals_on_ready}, .on_signal = on_signal, .context = context};

    int rc = reactor_add(reactor, &signals->source, EPOLLIN);

    if (rc < 0) {
        sys_close(fd);
        signals->source.fd = -1;
    }
    return rc;
}

void signals_close(struct signals *signals, struct reactor *reactor)
{
    if (signals->source.fd >= 0) {
        reactor_remove(reactor, &signals->source);
        sys_close(signals->source.fd);
        signals->source.fd = -1;
    }
}
