/* SPDX-License-Identifier: MIT */
/* How fast this page is for its visitor, and how many errors it has. What is sent, and what never is: docs/browser.md. */
(() => {
  'use strict';

  const ERRORS_MAX = 50;
  const PAGE_MAX = 1024;
  /* Good up to the first, poor above the second; milliseconds, but for CLS. */
  const LIMITS = { TTFB: [800, 1800], FCP: [1800, 3000], LCP: [2500, 4000], CLS: [0.1, 0.25], INP: [200, 500] };
  const script = document.currentScript || document.querySelector('script[src*="metrics.js"]');
  const flushes = [];
  let view; /* of a page, from its start, or its return from the back/forward cache, until it is hidden */

  /* Nothing here may disturb the page. */
  const safely = (f) => (arg) => {
    try {
      f(arg);
    } catch (e) {
      /* then it is not measured */
    }
  };
  const supports = (type) => PerformanceObserver.supportedEntryTypes.includes(type);
  const navigation = () => performance.getEntriesByType('navigation')[0] || {};
  /* A page that was prerendered is measured from the moment it was asked for. */
  const since = (ms) => Math.max(0, ms - (navigation().activationStart || 0));

  const begin = (restored) => {
    const seen = document.visibilityState === 'visible'; /* a page in the background paints when it likes */

    view = {
      restored,
      paints: seen && !restored,
      page: (script.dataset.page || location.pathname).slice(0, PAGE_MAX),
      id: `v1-${Date.now()}-${Math.random().toString(36).slice(2)}`,
      vitals: seen && supports('layout-shift') ? { CLS: 0 } : {},
      errors: [],
      interactions: [],
      before: performance.interactionCount,
    };
  };

  const observe = (type, take, options) => {
    if (!supports(type)) return;
    const each = safely((entries) => entries.forEach((entry) => view.sent || take(entry)));
    const observer = new PerformanceObserver((list) => each(list.getEntries()));
    observer.observe(Object.assign({ type, buffered: true }, options));
    flushes.push(() => each(observer.takeRecords()));
  };

  const onPaint = (entry) => {
    const name = entry.entryType === 'paint' ? 'FCP' : 'LCP';

    if (view.paints && entry.name !== 'first-paint') view.vitals[name] = since(entry.startTime);
  };

  /* Shifts less than 1 s apart, over 5 s at most, are one; the worst counts. */
  const onShift = (entry) => {
    const at = entry.startTime;
    const goesOn = at - view.lastShift < 1000 && at - view.firstShift < 5000;

    if (entry.hadRecentInput || !('CLS' in view.vitals)) return;
    if (!goesOn) view.firstShift = at;
    view.lastShift = at;
    view.shift = (goesOn ? view.shift : 0) + entry.value;
    view.vitals.CLS = Math.max(view.vitals.CLS, view.shift);
  };

  /* The events of one interaction share an ID. Of all, the slowest ten are kept; the slowest but one for every 50 counts. */
  const onEvent = (entry) => {
    const id = entry.interactionId;
    const slow = view.interactions;
    const known = slow.find((one) => one.id === id);

    if (!id) return;
    if (known) known.ms = Math.max(known.ms, entry.duration);
    else slow.push({ id, ms: entry.duration });
    slow.sort((a, b) => b.ms - a.ms).splice(10);
    const skip = Math.floor((performance.interactionCount - view.before) / 50) || 0;
    view.vitals.INP = slow[Math.min(slow.length - 1, skip)].ms;
  };

  const count = (event) => {
    /* A notice of the browser's; nothing was thrown. */
    if (/^ResizeObserver loop/.test(event.message)) return;
    if (view.errors.length < ERRORS_MAX) view.errors.push({ kind: event.type });
  };

  /* The ID under which the server logged the request for this page. */
  const correlation = (nav) => {
    const timing = (nav.serverTiming || []).find((one) => one.name === 'correlation-id');
    const meta = document.querySelector('meta[name="correlation-id"]');
    const id = timing ? timing.description : meta && meta.content;

    return /^[\w.-]{1,64}$/.test(id || '') ? id : undefined;
  };

  const vital = (name) => {
    const value = Math.round(view.vitals[name] * 1e4) / 1e4;
    const [good, poor] = LIMITS[name];
    const rating = value <= good ? 'good' : value <= poor ? 'needs-improvement' : 'poor';

    return { name, value, id: `${view.id}-${name}`, rating };
  };

  const report = () => {
    const body = { page: view.page, errors: view.errors };
    const nav = navigation();

    if (!view.restored) {
      body.correlation_id = correlation(nav);
      if (nav.responseStart) view.vitals.TTFB = since(nav.responseStart);
      if (nav.loadEventEnd) body.page_load_time_seconds = since(nav.loadEventEnd) / 1000;
    }
    if (performance.memory) body.memory_usage_bytes = performance.memory.usedJSHeapSize;
    body.vitals = Object.keys(LIMITS).filter((name) => name in view.vitals).map(vital);
    return JSON.stringify(body);
  };

  const send = safely(() => {
    if (view.sent) return;
    flushes.forEach((flush) => flush());
    view.sent = true;
    const to = new URL('api/metrics', script.src).href;
    const body = report();
    /* A string goes as text/plain, which needs no preflight. */
    if (navigator.sendBeacon && navigator.sendBeacon(to, body)) return;
    fetch(to, { method: 'POST', body, keepalive: true, mode: 'no-cors', credentials: 'omit' }).catch(() => {});
  });

  const onShow = (event) => {
    if (!event.persisted) return;
    begin(true);
    const mine = view;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      mine.vitals.FCP = mine.vitals.LCP = performance.now() - event.timeStamp;
    }));
  };

  const start = safely(() => {
    begin(false);
    observe('paint', onPaint);
    observe('largest-contentful-paint', onPaint);
    observe('event', onEvent, { durationThreshold: 16 });
    observe('first-input', onEvent);
    observe('layout-shift', onShift);
    addEventListener('error', safely(count));
    addEventListener('unhandledrejection', safely(count));
    addEventListener('pageshow', safely(onShow));
    addEventListener('pagehide', send);
    document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && send());
  });

  /* Not for a second tag, nor for a visitor who does not want it. */
  if (!script || Array.from(document.scripts).find((one) => one.src === script.src) !== script) return;
  if (navigator.doNotTrack === '1' || navigator.globalPrivacyControl) return;
  if (document.prerendering) document.addEventListener('prerenderingchange', start, { once: true });
  else start();
})();
