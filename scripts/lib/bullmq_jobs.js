// The half of scripts/try-queues that speaks for BullMQ: works its jobs off and prints what came of them, as JSON.
// Arguments: how to connect, as JSON; how many jobs.
const { FlowProducer, Queue, UnrecoverableError, Worker } = require("bullmq");

const connection = JSON.parse(process.argv[2]);
const jobs = Number(process.argv[3]);
const BULK = 500;
const results = {};

// What job `n` is to go through: the same for who adds it and who checks it.
const delayOf = (n) => (n % 7 === 0 ? 50 + (n % 13) * 100 : 0);
const priorityOf = (n) => (n % 5 === 0 ? 1 + (n % 10) : undefined);
const failuresOf = (n) => (n % 101 === 0 ? 3 : n % 11 === 0 ? 1 + (n % 2) : 0);

function options(n) {
  return {
    jobId: `job-${n}`, delay: delayOf(n), priority: priorityOf(n), attempts: 3,
    backoff: n % 2 ? 0 : { type: "fixed", delay: 20 },
  };
}

// Resolves when `done` says so; it is asked again and again, for as long as it takes.
async function until(done) {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
}

async function many() {
  const queue = new Queue("many", { connection });
  const seen = { early: 0, twice: 0, attempts: 0 };
  const succeeded = new Set();
  const worker = new Worker("many", async (job) => {
    const { n, due } = job.data;
    seen.attempts += 1;
    // A delay counts from when the server got the job, which is after `due` was worked out.
    if (job.attemptsMade === 0 && Date.now() < due - 1) seen.early += 1;
    if (job.attemptsMade < failuresOf(n)) throw new Error(`attempt ${job.attemptsMade} of ${n}`);
    if (succeeded.has(n)) seen.twice += 1;
    succeeded.add(n);
    return n * 2;
  }, { connection, concurrency: 50 });
  for (let first = 0; first < jobs; first += BULK) {
    const numbers = Array.from({ length: Math.min(BULK, jobs - first) }, (_, i) => first + i);
    await queue.addBulk(numbers.map((n) => ({ name: "work", data: { n, due: Date.now() + delayOf(n) }, opts: options(n) })));
  }
  await until(async () => {
    const counts = await queue.getJobCounts("completed", "failed");
    return counts.completed + counts.failed >= jobs;
  });
  await worker.close();
  const counts = await queue.getJobCounts("completed", "failed", "active", "waiting", "delayed", "prioritized");
  const sample = await queue.getJob("job-110");
  const refused = await queue.getJob("job-101");
  results.many = {
    ...counts, ...seen, succeeded: succeeded.size,
    sample: [sample.returnvalue, sample.attemptsMade], refused: [refused.failedReason, refused.attemptsMade],
  };
  await queue.obliterate({ force: true });
  await queue.close();
}

// Jobs of a queue that is paused until all of them are there are worked off by priority, those of the same as they came.
async function priorities() {
  const queue = new Queue("ordered", { connection });
  await queue.pause();
  for (const [n, priority] of [3, 1, 2, undefined, 3, 1, 2, undefined].entries()) await queue.add("work", { n }, { priority });
  const order = [];
  const worker = new Worker("ordered", async (job) => { order.push(job.data.n); }, { connection });
  await queue.resume();
  await until(() => order.length === 8);
  await worker.close();
  results.priorities = order;
  await queue.obliterate({ force: true });
  await queue.close();
}

// A parent runs when all its children have, and gets their values.
async function flows() {
  const flow = new FlowProducer({ connection });
  const children = Array.from({ length: 50 }, (_, n) => ({ name: "child", queueName: "flow", data: { n }, opts: { attempts: 2 } }));
  let sum = null;
  const worker = new Worker("flow", async (job) => {
    if (job.name === "child") {
      if (job.data.n % 10 === 0 && job.attemptsMade === 0) throw new Error("once");
      return job.data.n;
    }
    sum = Object.values(await job.getChildrenValues()).reduce((a, b) => a + b, 0);
    return sum;
  }, { connection, concurrency: 8 });
  await flow.add({ name: "parent", queueName: "flow", children });
  await until(() => sum !== null);
  await worker.close();
  results.flow = sum;
  const queue = new Queue("flow", { connection });
  await queue.obliterate({ force: true });
  await queue.close();
  await flow.close();
}

// Repeated jobs, a limit on their rate, deduplication, an error that is not tried again.
async function others() {
  const queue = new Queue("others", { connection });
  const names = [];
  const worker = new Worker("others", async (job) => {
    names.push(job.name);
    if (job.name === "hopeless") throw new UnrecoverableError("no use");
  }, { connection, limiter: { max: 100, duration: 200 } });
  await queue.upsertJobScheduler("tick", { every: 100, limit: 3 }, { name: "tick" });
  const same = await Promise.all([1, 2, 3].map(() => queue.add("same", {}, { deduplication: { id: "d", ttl: 600000 } })));
  const hopeless = await queue.add("hopeless", {}, { attempts: 5 });
  await until(async () => names.filter((name) => name === "tick").length >= 3 && (await hopeless.isFailed()));
  results.others = {
    ticks: names.filter((name) => name === "tick").length, same: new Set(same.map((job) => job.id)).size,
    hopeless: names.filter((name) => name === "hopeless").length,
  };
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
}

async function main() {
  for (const part of [many, priorities, flows, others]) await part();
  console.log(JSON.stringify(results));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
