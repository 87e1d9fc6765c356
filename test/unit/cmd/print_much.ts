/** Test equipment: a program that prints more than a pipe holds, the way commands do. */
import { print } from "../../../cmd/shared/io.ts";

print("0123456789abcdef\n".repeat(65_536));
