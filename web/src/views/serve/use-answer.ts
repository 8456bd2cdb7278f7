// SPDX-License-Identifier: MIT
// use-answer.ts - an answer of the API as a component sees it. While a newer one is on its way, the old one stays.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiProblem, apiPath, ask } from '../../api/client.ts';
import type { Query } from '../../api/client.ts';
import type { Shape } from '../../model/shape.ts';
import { periodOf } from './page.ts';
import type { PageContext } from './page.ts';

export interface Answer<T> {
  readonly data: T | null;
  readonly problem: ApiProblem | null;
  readonly loading: boolean;
  again(): void;
}

/** null as path: nothing is asked. The range of the page is added unless the query has its own. */
export function useAnswer<T>(
  page: PageContext,
  path: string | null,
  query: Query,
  shape: Shape<T>,
): Answer<T> {
  const { from, to } = periodOf(page);
  const address = path === null ? '' : apiPath(path, { from, to, ...query });
  const [state, setState] = useState<Omit<Answer<T>, 'again'> & { address: string }>({
    data: null,
    problem: null,
    loading: path !== null,
    address: '',
  });
  const [round, setRound] = useState(0);
  const sameKind = useRef(path);
  useEffect(() => {
    if (path === null) {
      setState({ data: null, problem: null, loading: false, address: '' });
      return;
    }
    const ending = new AbortController();
    const keep = sameKind.current === path;
    sameKind.current = path;
    setState((before) => ({
      data: keep ? before.data : null,
      problem: null,
      loading: true,
      address: before.address,
    }));
    ask(path, { from, to, ...query }, shape, ending.signal).then(
      (data) => setState({ data, problem: null, loading: false, address }),
      (reason: unknown) => {
        if (ending.signal.aborted) return;
        const problem = reason instanceof ApiProblem ? reason : new ApiProblem(String(reason), 0);
        setState((before) => ({
          data: before.address === address ? before.data : null,
          problem,
          loading: false,
          address,
        }));
      },
    );
    return () => ending.abort();
  }, [address, page.round, round]);
  return { ...state, again: () => setRound(round + 1) };
}
