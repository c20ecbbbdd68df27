/* SPDX-License-Identifier: MIT */
/* Two small tables: methods and statuses. */
#include "http/method.h"

static const struct slice method_names[HTTP_METHODS] = {
    [HTTP_GET] = {"GET",     3},
      [HTTP_HEAD] = {"HEAD",    4},
      [HTTP_POST] = {"POST",    4},
    [HTTP_PUT] = {"PUT",     3},
      [HTTP_PATCH] = {"PATCH",   5},
      [HTTP_DELETE] = {"DELETE",  6},
    [HTTP_OPTIONS] = {"OPTIONS", 7},
};

/* The first byte is asked before memcmp: one call, not two, for POST. GET seldom comes here. */
enum http_method http_method_parse(struct slice s)
{
    for (unsigned m = 0; m < HTTP_METHODS; m++)
        if (s.n == method_names[m].n && s.p[0] == method_names[m].p[0] &&
            memcmp(s.p, method_names[m].p, s.n) == 0)
            return (enum http_method)m;
    return HTTP_METHOD_UNKNOWN;
}

const char *http_method_name(enum http_method m)
{
    return m < HTTP_METHODS ? method_names[m].p : "-";
}

static const struct status {
    unsigned code;
    const char *reason;
} statuses[HTTP_STATUSES] = {
    {200,              "OK"                             },
    {201,              "Created"                        },
    {202,              "Accepted"                       },
    {204,              "No Content"                     },
    {301,              "Moved Permanently"              },
    {303,              "See Other"                      },
    {304,              "Not Modified"                   },
    {400,              "Bad Request"                    },
    {401,              "Unauthorized"                   },
    {403,              "Forbidden"                      },
    {404,              "Not Found"                      },
    {405,              "Method Not Allowed"             },
    {409,              "Conflict"                       },
    {411,              "Length Required"                },
    {413,              "Content Too Large"              },
    {414,              "URI Too Long"                   },
    {415,              "Unsupported Media Type"         },
    {417,              "Expectation Failed"             },
    {421,              "Misdirected Request"            },
    {422,              "Unprocessable Content"          },
    {429,              "Too Many Requests"              },
    {431,              "Request Header Fields Too Large"},
    {HTTP_CLIENT_GONE, "Client Closed Request"          },
    {500,              "Internal Server Error"          },
    {503,              "Service Unavailable"            },
};

unsigned http_status_index(unsigned status)
{
    unsigned i = 0;

    while (i < HTTP_STATUSES && statuses[i].code != status)
        i++;
    MUST(i < HTTP_STATUSES);
    return i;
}

unsigned http_status_at(unsigned index)
{
    MUST(index < HTTP_STATUSES);
    return statuses[index].code;
}

const char *http_reason(unsigned status)
{
    return statuses[http_status_index(status)].reason;
}
