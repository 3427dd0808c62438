/* What a client says to the engine and what it makes of the engine's answers. */
#ifndef DUMMY_CLIENT_PROTOCOL_H
#define DUMMY_CLIENT_PROTOCOL_H

#include "dummy-client/client.h"

/* The connection stands: say C_HELLO, or what the client's kind does instead. May close the client. */
void protocol_greet(struct load *load, struct client *client);
/* Asks for the client's room (state JOINING) or to be let out of it (state LEAVING). May close the client. */
void protocol_ask_join(struct load *load, struct client *client);
void protocol_ask_leave(struct load *load, struct client *client);

/* The checker's upcall (verify.h), with the load as context. False when it closed the client. */
bool protocol_on_engine(void *context, struct receiver *receiver, const uint8_t *frame, uint32_t size);

#endif
