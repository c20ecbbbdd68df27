/* SPDX-License-Identifier: MIT */
/* The assembler reads the files; make knows that this object depends on them. */
#include "web/web.h"

#define FILE_IN_PROGRAM(id, name)                                                             \
    __asm__(".pushsection .rodata\n"                                                          \
            "web_" #id "_start: .incbin \"src/web/" name "\"\n"                               \
            "web_" #id "_end: .byte 0\n"                                                      \
            ".popsection\n");                                                                 \
    extern const char web_##id##_start[], web_##id##_end[];                                   \
    struct slice web_##id(void)                                                               \
    {                                                                                         \
        return (struct slice){web_##id##_start, (size_t)(web_##id##_end - web_##id##_start)}; \
    }

FILE_IN_PROGRAM(site_head_html, "site_head.html")
FILE_IN_PROGRAM(home_html, "home.html")
FILE_IN_PROGRAM(contact_html, "contact.html")
FILE_IN_PROGRAM(thanks_html, "thanks.html")
FILE_IN_PROGRAM(contact_form_html, "contact_form.html")
FILE_IN_PROGRAM(home_css, "home.css")
FILE_IN_PROGRAM(home_js, "home.js")
FILE_IN_PROGRAM(status_html, "status.html")
FILE_IN_PROGRAM(status_css, "status.css")
FILE_IN_PROGRAM(status_js, "status.js")
FILE_IN_PROGRAM(metrics_js, "metrics.js")
