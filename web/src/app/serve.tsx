// SPDX-License-Identifier: MIT
// serve.tsx - the page of `pitviper serve`.

import { render } from 'preact';

render(<main>pitviper</main>, document.getElementById('app')!);
