// Who takes part, and what each of them is owed.
import type { Address } from "viem";
import type { Account, Chain } from "./chain.js";

/** Who takes part. On the local chain the first account is the council that decides on models. */
export const ROLES = [
  "council",
  "owner",
  "ana",
  "ben",
  "cleo",
  "dan",
  "eva",
  "fay",
  "vera",
  "vito",
  "vlad",
  "modeller",
  "developer",
  "worker",
  "payer",
  "proposer",
] as const;
export type Role = (typeof ROLES)[number];
export const VALIDATORS = ["vera", "vito", "vlad"] as const;

/** Why somebody is owed something. */
export type Kind = "bond" | "change" | "earned";

/** What the example expects the claim vault to owe. */
export class Ledger {
  readonly lines: { to: Role; kind: Kind; amount: bigint; what: string }[] = [];

  owe(to: Role, kind: Kind, amount: bigint, what: string) {
    if (amount > 0n) this.lines.push({ to, kind, amount, what });
  }

  /** What somebody is owed, of some kind or of all. */
  total(to?: Role, kind?: Kind): bigint {
    return this.lines
      .filter((line) => (to ?? line.to) === line.to && (kind ?? line.kind) === line.kind)
      .reduce((sum, line) => sum + line.amount, 0n);
  }
}

export interface World {
  chain: Chain;
  as: Record<Role, Account>;
  ledger: Ledger;
  log: (line: string) => void;
}

export function makeWorld(chain: Chain, log: (line: string) => void): World {
  const as = Object.fromEntries(ROLES.map((role, i) => [role, chain.account(i)])) as Record<Role, Account>;
  return { chain, as, ledger: new Ledger(), log };
}

/** Who has an address. */
export function roleOf({ as }: World, address: Address): Role {
  const role = ROLES.find((name) => as[name].address.toLowerCase() === address.toLowerCase());
  if (!role) throw new Error(`nobody here has the address ${address}`);
  return role;
}

/** The only one of some things. */
export function only<T>(things: readonly T[]): T {
  if (things.length !== 1) throw new Error(`one was expected, not ${things.length}`);
  return things[0];
}

export function ensure(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`not as it must be: ${what}`);
}
