import type { BackendStatus, ServiceStatus } from "../reconcile/status.ts";
import type { Counted, Order, Picture, Question } from "./picture.ts";
import type { Tally, Trends } from "./trend.ts";

/** Columns and rows of the terminal. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** What fills the screen. */
export type Page = "services" | "service" | "events" | "why" | "help";

/** In which order rows are. `config` is the order of the file. */
export type Sort = "config" | "name" | "new" | "active" | "worst";

/** Which rows a list shows, and where in it the operator is. */
export interface List {
  readonly sort: Sort;
  /** Part of a row's text; "" shows all. */
  readonly filter: string;
  /** What is chosen, by name or `backendKey`; undefined chooses the first. */
  readonly chosen?: string;
  /** Index of the first row on the screen. */
  readonly top: number;
}

/** What is being typed, and for what. */
export interface Typing {
  readonly what: "filter" | "why";
  readonly text: string;
}

/** A change that was asked for and is not brought about yet. */
export interface Dialog {
  readonly order: Order;
  /** Tells answers to this question from those to an earlier one. */
  readonly serial: number;
  readonly phase: "planning" | "asking" | "applying" | "failed";
  /** The plan, or what went wrong. */
  readonly lines: readonly string[];
  readonly top: number;
}

/** A text to read: what `lb why` says. */
export interface Reading {
  readonly title: string;
  /** undefined while it is waited for. */
  readonly lines?: readonly string[];
}

/** One line that tells what came of the last key. */
export interface Note {
  readonly text: string;
  readonly tone: "good" | "odd" | "plain";
}

/** Rows that are shown, in their order. */
export interface Listing {
  readonly services: readonly ServiceStatus[];
  readonly backends: readonly BackendStatus[];
}

/** Everything the screen is made of. */
export interface State {
  readonly size: Size;
  /** Milliseconds since 1970. */
  readonly now_ms: number;
  /** The last look; undefined before the first. */
  readonly picture?: Picture;
  /** Why the last look failed, in words; undefined where it did not. */
  readonly trouble?: string;
  readonly trends: Trends;
  readonly tallies: readonly Tally[];
  /** Growth of the table of connections, per second; undefined before it is known. */
  readonly filling?: number;
  readonly page: Page;
  /** Where `esc` leads from the pages that can be opened everywhere. */
  readonly from: "services" | "service";
  readonly lists: { readonly services: List; readonly backends: List };
  readonly listing: Listing;
  /** First line on the screen of pages that are read. */
  readonly top: number;
  readonly typing?: Typing;
  readonly dialog?: Dialog;
  readonly reading?: Reading;
  readonly note?: Note;
  /** Why nothing can be changed from here; undefined where it can. */
  readonly read_only?: string;
  /** Whether there is an `lb why` to ask. */
  readonly can_explain: boolean;
  /** Grows with each question to lb. */
  readonly serial: number;
}

/** What happens to the screen. */
export type Event =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "size"; readonly size: Size }
  | { readonly kind: "time"; readonly now_ms: number }
  | { readonly kind: "picture"; readonly picture: Picture }
  | { readonly kind: "trouble"; readonly message: string; readonly now_ms: number }
  | { readonly kind: "history"; readonly counted: readonly Counted[] }
  | { readonly kind: "read-only"; readonly why: string }
  | {
    readonly kind: "planned" | "refused" | "applied";
    readonly serial: number;
    readonly lines: readonly string[];
  }
  | { readonly kind: "explained"; readonly serial: number; readonly lines: readonly string[] }
  | { readonly kind: "said"; readonly text: string };

/** What is to be done outside. */
export type Effect =
  | { readonly kind: "plan" | "apply"; readonly order: Order; readonly serial: number }
  | { readonly kind: "explain"; readonly question: Question; readonly serial: number }
  | { readonly kind: "look" }
  | { readonly kind: "redraw" }
  | { readonly kind: "quit" };

/** What an event leads to. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** How the screen begins. */
export interface Beginning {
  readonly size: Size;
  readonly now_ms: number;
  /** Opens on this one. */
  readonly service?: string;
  readonly can_explain: boolean;
}

const LIST: List = { sort: "config", filter: "", top: 0 };

/** Before anything was looked at. */
export function initialState({ size, now_ms, service, can_explain }: Beginning): State {
  return {
    size,
    now_ms,
    trends: new Map(),
    tallies: [],
    page: service === undefined ? "services" : "service",
    from: "services",
    lists: { services: { ...LIST, chosen: service }, backends: LIST },
    listing: { services: [], backends: [] },
    top: 0,
    can_explain,
    serial: 0,
  };
}

/** The service that is chosen. */
export function chosenService({ listing, lists }: State): ServiceStatus | undefined {
  return listing.services.find(({ service }) => service.name === lists.services.chosen);
}
