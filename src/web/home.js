/* SPDX-License-Identifier: MIT */
/* Sends the contact form without leaving the page. Without this script the form sends itself; so the page stays XML, there is no ampersand in here. */
(() => {
  'use strict';

  const TIMEOUT_MS = 30000;
  const NAMES = ['name', 'email', 'message'];
  const form = document.getElementById('contact-form');
  const status = document.getElementById('contact-status');
  const button = form.querySelector('button');
  const field = (name) => form.elements.namedItem(name);

  const say = (kind, text) => {
    status.className = kind;
    status.textContent = text;
  };

  /* What is wrong with each field, as the server says it. */
  const blame = (fields) => {
    const wrong = NAMES.filter((name) => name in fields);

    for (const name of NAMES) {
      field(name).setAttribute('aria-invalid', String(wrong.includes(name)));
      document.getElementById(`${name}-error`).textContent = wrong.includes(name) ? fields[name] : '';
    }
    if (wrong.length > 0) field(wrong[0]).focus();
  };

  /* Another message: what was sent under the old key is stored. */
  const renewKey = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));

    field('idempotency_key').value = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  };

  const later = (reply) => {
    const seconds = Number(reply.headers.get('Retry-After'));

    return seconds > 0 ? `Please try again in ${seconds} second${seconds === 1 ? '' : 's'}.` : 'Please try again.';
  };

  const refused = (reply, error) => {
    const fields = error.fields || {};

    if (NAMES.some((name) => name in fields)) {
      say('bad', 'Please check what is marked.');
      blame(fields);
    } else if (error.code === 'idempotency_key_reused') {
      renewKey();
      say('bad', 'An earlier version of this message was received. Send once more to send this one, too.');
    } else if (reply.status === 429) {
      say('bad', `Too many messages. ${later(reply)}`);
    } else if (reply.status >= 500) {
      say('bad', `Your message could not be stored now. It is still here. ${later(reply)}`);
    } else {
      say('bad', error.message || 'Your message was not accepted.');
    }
  };

  const send = async () => {
    const { idempotency_key: key, ...content } = Object.fromEntries(new FormData(form));
    const reply = await fetch('/api/contact', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(content),
      signal: AbortSignal.timeout ? AbortSignal.timeout(TIMEOUT_MS) : undefined,
    });

    if (!reply.ok) {
      refused(reply, (await reply.json().catch(() => ({}))).error || {});
      return;
    }
    form.reset();
    renewKey();
    say('good', 'Thank you. Your message has been received.');
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    blame({});
    say('', 'Sending…');
    try {
      await send();
    } catch (e) {
      say('bad', 'The server could not be reached. Your message is still here. Please try again.');
    }
    button.disabled = false;
  });
  button.disabled = false; /* a browser may remember it of a page that was left while it sent */
})();
