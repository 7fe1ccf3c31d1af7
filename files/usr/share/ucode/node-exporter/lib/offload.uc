// Collector of prometheus-node-exporter-ucode: the metrics of the running service, under the names it gives them.
const reply = ubus.call("offload", "metrics");

if (!reply?.ok)
	return false;

for (let family in reply.families) {
	const add = family.type == "counter" ? counter(family.name, family.help) : gauge(family.name, family.help);

	for (let sample in family.samples)
		add(sample.labels, sample.value);
}
