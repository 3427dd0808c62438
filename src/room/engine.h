/*
 * The engine: what sessions and rooms share, one a process. The daemon's server owns it and turns it.
 *
 * Who is on which list:
 *
 *     dirty      sessions with something to write, or to give up, at the end of this turn
 *     resumable  sessions that were paused and may go on reading
 *     creating   sessions whose room is to be made before they go on reading
 *     ended      sessions whose socket is to be closed in this turn's reap
 *     deadlines  sessions that have to do something by then, a list for each enum session_deadline
 *     blocked    sessions whose socket takes no more
 *     paced      sessions that may not be sent more yet, or not yet be told what they missed
 *     resyncing  sessions that skipped, have read what there was, and are to be told what they missed
 *     runnable   rooms with jobs to run
 *     flushing   rooms in a round of flushing
 *     closing    rooms that were retired, until they are empty
 */
#ifndef ROOMD_ROOM_ENGINE_H
#define ROOMD_ROOM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/histogram.h"
#include "base/list.h"
#include "base/log.h"
#include "base/pool.h"
#include "base/slots.h"
#include "base/timers.h"
#include "gather/stream.h"
#include "net/conn.h"
#include "room/lobby.h"
#include "room/memory_pressure.h"
#include "room/room.h"
#include "room/sources.h"
#include "room/tickets.h"
#include "roomd/content.h"

/* A tick that starts later than this after its due time is counted as late. */
#define TICK_LATE_NS (5 * NS_PER_MS)

/* What a session has to do in time. */
enum session_deadline {
    SESSION_NO_DEADLINE,
    SESSION_HELLO,       /* to say C_HELLO, when no room has taken it at once */
    SESSION_PARTIAL,     /* to complete a frame, or a PROXY header */
    SESSION_LINGER,      /* to read S_KICK */
    SESSION_LINGER_SLOW, /* the same, of one that has not read or answered in time before */
    SESSION_QUIET,       /* to say anything; or it is asked */
    SESSION_PINGED,      /* to answer S_PING, or say anything */
    SESSION_DEADLINE_COUNT
};

struct engine_limits {
    uint32_t sessions_max;
    uint32_t rooms_max;
    uint32_t job_timers_max;
    uint32_t chunk_bytes;
    uint64_t chunk_memory_bytes_max;
    /* These may change while the engine runs, but for what sources.h says. */
    struct sources_limits sources;
    struct network_list proxy_from; /* who speaks for others, and begins with a PROXY header */
    uint32_t outbox_slices_max;     /* the most of any room; only ever grows */
    uint32_t frame_bytes_max;
    uint64_t frame_timeout_ns;
    uint64_t linger_ns;
    uint64_t hello_timeout_ns; /* 0: none */
    uint64_t ping_after_ns;    /* 0: never */
    uint64_t pong_timeout_ns;
    struct rate send; /* bytes to one session */
    struct input_limits input;
    uint32_t flood_max;        /* packets thrown away for their rate before the end; 0: no end */
    uint32_t strikes_max;      /* 1 or more: the last one is the end */
    uint64_t memory_bytes_max; /* from memory.h in all (memory_pressure.h); 0: no limit */
    struct conn_options conn;
};

/* Counters, from the start of the process. */
struct engine_stats {
    uint64_t opened;
    uint64_t closes[ROOMD_CLOSE_REASON_COUNT];
    uint64_t packets_in;
    uint64_t packets_dropped; /* from players who were in no room, or out of it by the time the packet ran */
    uint64_t errors_sent;     /* S_ERROR */
    uint64_t appends_refused; /* broadcasts that found no memory */
    uint64_t jobs;
    uint64_t jobs_refused; /* the queue was full: the sender waited */
    uint64_t callbacks_slow;
    uint64_t rooms_created; /* of templates */
    uint64_t rooms_failed;  /* their contents said so */
    uint64_t rooms_retired;
    uint64_t job_timers_late;
    uint64_t tickets[TICKET_RESULT_COUNT]; /* shown, by what became of them */
    uint64_t enters;
    uint64_t leaves;
    uint64_t ticks;
    uint64_t ticks_late;
    uint64_t ticks_skipped;
    uint64_t flushes_early;
    uint64_t flushes_paced;   /* that send_rate held back */
    uint64_t packets_flooded; /* thrown away for their rate */
    uint64_t bytes_flooded;
    uint64_t flood_warnings;
    uint64_t strikes[ROOMD_CLOSE_REASON_COUNT]; /* MALFORMED and STATE */
    uint64_t skips;                             /* times that a session began to skip */
    uint64_t resyncs;
    uint64_t pings;
    uint64_t sessions_shed;       /* for want of memory */
    struct histogram lateness_ns; /* from a tick's due time to the start of its flush */
};

/* Lines of event=close in the second that began at since_ns, and how many were held back since the last one. */
struct close_log {
    uint64_t since_ns;
    uint32_t lines;
    uint64_t held;
};

/* A counter of the contents', by name. */
struct content_counter {
    char name[ROOMD_COUNTER_NAME_BYTES_MAX + 1];
    uint64_t value;
};

/*
 * A content's callback that took longer is named in the log. The coarse clock may be 10 ms short of the truth: one that
 * takes 100 ms must be found for certain.
 */
#define CALLBACK_SLOW_NS (50 * NS_PER_MS)

/*
 * The callback that is running, for a signal handler to look at: only room_content.c writes it. They nest; the time and
 * the number are those of the outermost, the names those of the innermost.
 */
struct running {
    const struct room *_Atomic room; /* NULL: none */
    const char *_Atomic callback;
    _Atomic uint64_t number;   /* counts up: which one it is */
    _Atomic uint64_t begin_ns; /* of the coarse clock */
};

struct engine {
    struct net net;
    struct timers timers;
    struct engine_limits limits;
    struct engine_stats stats;
    struct lobby lobby;
    struct tickets tickets;
    struct sources sources;
    struct slots sessions;
    struct pool session_pool;
    struct slots job_timers;
    struct pool job_timer_pool;
    struct stream private_stream; /* packets for one session that is in no room */
    struct list dirty;
    struct list resumable;
    struct list creating;
    struct list ended;
    struct list deadlines[SESSION_DEADLINE_COUNT];
    struct list blocked;
    struct list paced;
    struct list resyncing;
    struct list runnable;
    struct list flushing;
    struct list closing;
    struct timer deadline_timer; /* of deadlines */
    uint32_t turns_behind;       /* in a row that found too much to read to say who is late */
    struct timer blocked_timer;  /* looks at blocked now and then */
    struct timer paced_timer;    /* goes on with paced */
    uint32_t paced_count;        /* how many are on paced */
    uint32_t paced_left;         /* to look at yet, in the pass that is under way */
    uint32_t drop_left;          /* how much may be dropped from outboxes yet in this turn (session_owed.c) */
    struct log_gate refuse_gate;
    struct log_gate memory_gate;
    struct memory_pressure pressure;
    struct log_gate create_gate; /* contents that did not open */
    struct close_log close_logs[ROOMD_CLOSE_REASON_COUNT];
    struct close_log abuse_log;
    struct log_gate
        stranger_gate; /* of event=abuse, for addresses that are not remembered: banned by hand, mostly */
    const struct roomd_host *host; /* for rooms made of templates */
    const char *data_dir;          /* where contents find their files; NULL: nowhere */
    struct content_counter counters[ROOMD_COUNTERS_MAX];
    uint32_t counter_count;
    struct log_gate slow_gate; /* callbacks that took too long */
    uint64_t callback_end_ns;  /* the coarse clock when the last callback was through */
    struct running running;
    /* Whether the config lists a room of that name, open or not: no other may have it. NULL: none is kept. */
    bool (*is_name_kept)(void *context, const char *name);
    void *names_kept;
    uint64_t now_ns;      /* the turn's clock */
    uint64_t catch_up_ns; /* until then clients' input may have piled up because the server stood still */
    uint32_t next_player;
    uint32_t instant_rooms; /* whose tick is 0 */
    bool is_playing;        /* a room's content is at work */
    bool is_stopping;       /* no more input is read */
    uint8_t job_payload[ROOMD_PAYLOAD_BYTES_MAX];
};

/* 0 or -errno; nothing is left behind on failure. */
int engine_init(struct engine *engine, const struct engine_limits *limits, uint64_t now_ns);
/* Takes on those of the limits that may change. */
void engine_set_limits(struct engine *engine, const struct engine_limits *limits);
/* Ends every session and closes every room, without a word to anyone; then frees. */
void engine_fini(struct engine *engine);

#endif

/* The process, or the whole machine, stood still when a timer is so late: nobody could be heard meanwhile. */
#define ENGINE_STALL_NS (1 * NS_PER_S)
