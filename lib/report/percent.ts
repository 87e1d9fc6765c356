/** A share from 0 to 1 as people read it. What is there is never told as nothing, nor what is not all as all. */
export function percentText(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return "< 0.1 %";
  if (percent < 100 && percent > 99.9) return "> 99.9 %";
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`;
}
