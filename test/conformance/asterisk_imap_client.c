/* What Asterisk's app_voicemail does with IMAP storage, by the library that it does it with
 * (c-client, libc-client2007e-dev): one call of that library for each line of standard input, the
 * outcome on standard output. asterisk_imap_test.py compiles it, and says in which order
 * app_voicemail calls. Only what it uses is here.
 *
 *   open SPEC | list | quota NAME | count EXTENSION CONTEXT unseen|seen flagged|unflagged|any
 *   header N | structure N | body N SECTION | set N FLAGS | expunge | copy N NAME
 *   append SPEC FLAGS FILE | create SPEC | ping | status SPEC | close
 *
 * Answers: lines of "name value", octets as "octets LENGTH" and a line end and the octets, and at
 * last "ok" or "failed". What the library tells its program (mm_log) comes as "warning TEXT" and
 * "error TEXT".
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <c-client/c-client.h>
#include <c-client/imap4r1.h>
#include <c-client/linkage.h>

#define LINE_MAX_OCTETS 4096

static const char* password = "";

/* -- what the library calls ---------------------------------------------------------------- */

void mm_searched(MAILSTREAM* stream, unsigned long number) {
    (void)stream;
    printf("found %lu\n", number);
}

void mm_exists(MAILSTREAM* stream, unsigned long number) {
    (void)stream;
    printf("exists %lu\n", number);
}

void mm_expunged(MAILSTREAM* stream, unsigned long number) {
    (void)stream;
    printf("expunged %lu\n", number);
}

void mm_flags(MAILSTREAM* stream, unsigned long number) {
    (void)stream;
    printf("flags %lu\n", number);
}

void mm_notify(MAILSTREAM* stream, char* text, long level) {
    (void)stream;
    mm_log(text, level);
}

void mm_list(MAILSTREAM* stream, int delimiter, char* name, long attributes) {
    (void)stream;
    (void)attributes;
    printf("list %c %s\n", delimiter, name);
}

void mm_lsub(MAILSTREAM* stream, int delimiter, char* name, long attributes) {
    mm_list(stream, delimiter, name, attributes);
}

void mm_status(MAILSTREAM* stream, char* name, MAILSTATUS* status) {
    (void)stream;
    (void)name;
    printf("status %lu %lu\n", status->messages, status->unseen);
}

void mm_log(char* text, long level) {
    if (level == WARN || level == PARSE) {
        printf("warning %s\n", text);
    } else if (level == ERROR) {
        printf("error %s\n", text);
    }
}

void mm_dlog(char* text) {
    fprintf(stderr, "%s\n", text);
}

void mm_login(NETMBX* mailbox, char* user, char* out, long trial) {
    strncpy(user, mailbox->user, MAILTMPLEN - 1);
    /* An empty password ends the library's attempts. */
    strncpy(out, trial == 0 ? password : "", MAILTMPLEN - 1);
}

void mm_critical(MAILSTREAM* stream) {
    (void)stream;
}

void mm_nocritical(MAILSTREAM* stream) {
    (void)stream;
}

long mm_diskerror(MAILSTREAM* stream, long code, long serious) {
    (void)stream;
    (void)code;
    (void)serious;
    return NIL;
}

void mm_fatal(char* text) {
    printf("fatal %s\n", text);
}

static void on_quota(MAILSTREAM* stream, unsigned char* root, QUOTALIST* list) {
    (void)stream;
    (void)root;
    for (; list; list = list->next) {
        printf("quota %s %lu %lu\n", list->name, list->usage, list->limit);
    }
}

/* -- what app_voicemail does --------------------------------------------------------------- */

static void put_octets(const char* octets, unsigned long length) {
    printf("octets %lu\n", length);
    fwrite(octets, 1, length, stdout);
    putchar('\n');
}

static void count_messages(MAILSTREAM* stream, char* extension, char* context, char* seen, char* flagged) {
    SEARCHPGM* program = mail_newsearchpgm();
    SEARCHHEADER* header = mail_newsearchheader("X-Asterisk-VM-Extension", extension);
    header->next = mail_newsearchheader("X-Asterisk-VM-Context", context);
    program->header = header;
    program->undeleted = 1;
    program->unseen = strcmp(seen, "unseen") == 0;
    program->seen = strcmp(seen, "seen") == 0;
    program->flagged = strcmp(flagged, "flagged") == 0;
    program->unflagged = strcmp(flagged, "unflagged") == 0;
    mail_search_full(stream, NULL, program, NIL);
    mail_free_searchpgm(&program);
}

/* The recording's name is the first parameter of the second part's type. */
static int put_structure(MAILSTREAM* stream, unsigned long number) {
    BODY* body = NULL;
    mail_fetchstructure(stream, number, &body);
    if (!body || !body->nested.part || !body->nested.part->next ||
        !body->nested.part->next->body.parameter) {
        return 0;
    }
    BODY* recording = &body->nested.part->next->body;
    printf("recording %s %s\n", recording->parameter->value, recording->subtype);
    return 1;
}

static int put_body(MAILSTREAM* stream, unsigned long number, char* section) {
    unsigned long length = 0;
    unsigned long decoded_length = 0;
    char* content = mail_fetchbody(stream, number, section, &length);
    if (!content) {
        return 0;
    }
    char* decoded = rfc822_base64((unsigned char*)content, length, &decoded_length);
    if (!decoded || !decoded_length) {
        return 0;
    }
    put_octets(decoded, decoded_length);
    return 1;
}

static int append_file(MAILSTREAM* stream, char* spec, char* flags, char* path) {
    FILE* file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char* content = malloc((size_t)size + 1);
    if (!content || fread(content, 1, (size_t)size, file) != (size_t)size) {
        return 0;
    }
    content[size] = '\0';
    fclose(file);
    STRING text;
    INIT(&text, mail_string, content, (unsigned long)size);
    const long done = mail_append_full(stream, spec, strcmp(flags, "-") ? flags : NIL, NIL, &text);
    free(content);
    return done != NIL;
}

static int run(MAILSTREAM** stream, char** word, int words) {
    const char* verb = word[0];
    const unsigned long number = words > 1 ? strtoul(word[1], NULL, 10) : 0;
    if (strcmp(verb, "open") == 0 && words == 2) {
        *stream = mail_open(*stream, word[1], NIL);
        return *stream != NIL;
    }
    if (strcmp(verb, "append") == 0 && words == 4) {
        return append_file(*stream, word[1], word[2], word[3]);
    }
    if (!*stream) {
        return 0;
    }
    if (strcmp(verb, "list") == 0 && words == 2) {
        mail_list(*stream, word[1], "*");
    } else if (strcmp(verb, "quota") == 0 && words == 2) {
        mail_parameters(NULL, SET_QUOTA, (void*)on_quota);
        return imap_getquotaroot(*stream, word[1]) != NIL;
    } else if (strcmp(verb, "count") == 0 && words == 5) {
        count_messages(*stream, word[1], word[2], word[3], word[4]);
    } else if (strcmp(verb, "header") == 0) {
        char* header = mail_fetchheader(*stream, number);
        put_octets(header, strlen(header));
    } else if (strcmp(verb, "structure") == 0) {
        return put_structure(*stream, number);
    } else if (strcmp(verb, "body") == 0 && words == 3) {
        return put_body(*stream, number, word[2]);
    } else if (strcmp(verb, "set") == 0 && words == 3) {
        mail_setflag(*stream, word[1], word[2]);
    } else if (strcmp(verb, "expunge") == 0) {
        return mail_expunge(*stream) != NIL;
    } else if (strcmp(verb, "copy") == 0 && words == 3) {
        return mail_copy(*stream, word[1], word[2]) != NIL;
    } else if (strcmp(verb, "create") == 0 && words == 2) {
        return mail_create(*stream, word[1]) != NIL;
    } else if (strcmp(verb, "ping") == 0) {
        return mail_ping(*stream) != NIL;
    } else if (strcmp(verb, "status") == 0 && words == 2) {
        return mail_status(*stream, word[1], SA_MESSAGES | SA_UNSEEN) != NIL;
    } else if (strcmp(verb, "close") == 0) {
        *stream = mail_close(*stream);
    } else {
        return 0;
    }
    return 1;
}

int main(void) {
    char line[LINE_MAX_OCTETS];
    MAILSTREAM* stream = NIL;
    password = getenv("IMAP_PASSWORD") ? getenv("IMAP_PASSWORD") : "";
#include <c-client/linkage.c>
    while (fgets(line, sizeof line, stdin)) {
        char* word[6] = {0};
        int words = 0;
        for (char* next = strtok(line, "\t\n"); next && words < 6; next = strtok(NULL, "\t\n")) {
            word[words++] = next;
        }
        if (words > 0) {
            puts(run(&stream, word, words) ? "ok" : "failed");
            fflush(stdout);
        }
    }
    return 0;
}
