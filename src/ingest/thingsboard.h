/*
 * thingsboard - commands to devices made for ThingsBoard, their answers and questions. Shared by the files of
 * ingest only; any thread.
 */
#ifndef HEMING_INGEST_THINGSBOARD_H
#define HEMING_INGEST_THINGSBOARD_H

#include "ingest/command.h"
#include "ingest/ingest_int.h"

/* As a call to the thing's own device and to gateways; ingest__answered hears of the number. */
void thingsboard__command(struct ingest *in, const char *thing, int number, struct str command, dur_us wait);
/* A message with that topic inside goes to a device now. */
void thingsboard__heard(struct ingest *in, struct str thing, struct str rest);
/* What a device published at v1/devices/me/REST (own) or v1/gateway/REST that is no reading. False: there is
 * no such topic. What is known but means nothing here (that a sub-device has come) is true too. */
bool thingsboard__said(
        struct ingest *in, const struct device *by, bool own, struct str rest, struct str payload);

#endif
