/* SPDX-License-Identifier: MIT */
/* no-page.js - instead of app.js where there was no Node.js to build it. */
