/**
 * Who is measured when: A B C, C B A, A B C, … What changes slowly (a clock that throttles, a neighbour on
 * the host) then hits each as early as late, and two that stand side by side meet within moments: ABBA.
 */
export function abbaRounds<T>(items: readonly T[], rounds: number): readonly T[][] {
  return Array.from(
    { length: rounds },
    (_, round) => round % 2 === 0 ? [...items] : items.toReversed(),
  );
}
