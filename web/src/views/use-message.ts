// SPDX-License-Identifier: MIT
// use-message.ts - a sentence that is shown for a moment.

import { useRef, useState } from 'preact/hooks';

const MESSAGE_MS = 2500;

export function useMessage(): [string, (message: string) => void] {
  const [message, setMessage] = useState('');
  const timer = useRef(0);
  const say = (text: string): void => {
    setMessage(text);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setMessage(''), MESSAGE_MS);
  };
  return [message, say];
}
