// npm taobao-sdk listens to a message service; prints what it heard as JSON and ends.
// argument: {url, key, secret, group, fail: ids that are not confirmed at first, expect: how many messages}
const { TmcClient } = require('taobao-sdk');

const job = JSON.parse(process.argv[2]);
const heard = [];
const failed = new Set();
const say = console.log;
console.log = console.error = () => {};

new TmcClient(job.key, job.secret, job.group).connect(job.url, (message, confirm) => {
  heard.push(message);
  const fails = job.fail.includes(message.id) && !failed.has(message.id);
  failed.add(message.id);
  confirm(fails ? new Error('down') : undefined);
  if (heard.length === job.expect) setTimeout(() => { say(JSON.stringify(heard)); process.exit(0); }, 200);
});
