/* SPDX-License-Identifier: MIT */
/* SIGHUP: parse and check everything first, then swap; on any error nothing changes. */
#include "app/app.h"

#include "base/buf.h"
#include "base/clock.h"

#include <sys/stat.h>

static void report_restart(struct app *app)
{
    char keys[256];
    size_t n =
        config_restart_keys(&app->started->config, &app->settings->config, keys, sizeof(keys));

    gauges_restart_required(app->gauges, n > 0);
    if (n > 0)
        LOG_EVENT(app->log, LOG_WARN, "restart_required", LOG_STR("keys", keys));
}

/*
 * A file that somebody is writing anew is empty for a moment; all keys at their defaults would open
 * what it had closed.
 */
static bool emptied(const struct app *app, struct err *err)
{
    const char *path = app->cli->config_path;
    struct stat st;

    if (path == NULL || stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > 0)
        return false;
    (void)err_set(err, ERR_INVALID,
                  "%s: the file is empty; write a comment into it if that is meant", path);
    return true;
}

/* What systemd waits for when it is asked to reload (sd_notify(3)); a reload takes no time to speak of. */
static void reload(struct app *app)
{
    struct live_ref live;
    struct settings *fresh;
    struct err err = ERR_INIT;
    struct config c;

    if (emptied(app, &err) || !config_load_cli(app->cli, &c, &err)) {
        gauges_reload_failed(app->gauges);
        LOG_EVENT(app->log, LOG_ERROR, "reload_failed", LOG_STR("error", err.text),
                  LOG_STR("effect", "the old configuration stays"));
        return;
    }
    fresh = settings_new(&c);
    live = app_live_ref(fresh);
    server_set_live(app->server, &live);
    ops_set_live(app->ops, &live);
    settings_unref(app->settings);
    app->settings = fresh;
    api_prepare(&app->api, &fresh->api);
    log_set_level(app->log, fresh->config.log_level);
    store_set_retention(app->store, fresh->config.contact_retention);
    gauges_loaded(app->gauges, &fresh->config);
    LOG_EVENT(app->log, LOG_INFO, "reloaded",
              LOG_STR("file", app->cli->config_path != NULL ? app->cli->config_path : ""));
    report_restart(app);
}

void app_reload(struct app *app)
{
    char text[64] = "RELOADING=1\nMONOTONIC_USEC=";

    *fmt_u64(text + strlen(text), clock_mono_ns() / 1000) = '\0';
    notifier_tell(&app->notifier, text);
    reload(app);
    notifier_ready(&app->notifier);
}
