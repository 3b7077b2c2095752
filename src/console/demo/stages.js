// The sentence of the pipeline, as the page tells it. `takes` is shown until an event names the topic itself.

export const stages = [
  { name: "ingress", takes: "HTTP, sockets", says: "Verifies what a channel sends and says OK only once the Kafka log has it." },
  { name: "resolve", takes: "messages.received", says: "Finds the shop, the person and the conversation, and stores the message with its place in it." },
  { name: "buffer", takes: "messages.resolved", says: "Waits until the customer stops typing, then makes one turn of everything written meanwhile." },
  { name: "retrieve", takes: "turns.ready", says: "Searches this shop's catalogue, and only this shop's, for passages that help." },
  { name: "infer", takes: "inferences.requested", says: "Asks the model with those passages, streams the answer and splits it into bubbles." },
  { name: "relay", takes: "replies.ready", says: "Sends the bubbles in order and writes every attempt into a ledger before making it." },
  { name: "settle", takes: "receipts.received", says: "Notes what the provider says became of each bubble. A web chat has no receipts." },
];

/** One lane per message up to here; what follows happens once per turn. */
export const lane_stages = stages.slice(0, 3);
export const turn_stages = stages.slice(3);

export const meanings = {
  idle: "not reached",
  active: "working on it now",
  emit: "passed on",
  drop: "dropped, with a reason",
  park: "parked: a timer brings it back",
  retry: "failed for now, will be tried again",
  dead: "dead letter: an operator can inspect it",
};

export function duration(ms) {
  if (ms === null) return "·";
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
