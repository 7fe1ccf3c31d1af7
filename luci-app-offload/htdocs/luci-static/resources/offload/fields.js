'use strict';
'require baseclass';

/*
 * What fields have in common: they take what the service takes (src/offload/config/choices/options.py), which is less than
 * LuCI's data types let through, and leave what stands in the file until somebody chooses something else.
 */

const ON = [ '1', 'on', 'true', 'yes' ];
const MOST_PACKETS = 1_000_000;
const MOST_HOURS = 8760; // a year

/** A whole number. LuCI's range alone takes 1.5, and more leading zeros than the service. */
function whole(option, least, most) {
	const digits = String(most).length;

	option.datatype = `range(${least}, ${most})`;
	option.validate = (section_id, value) => value.length <= digits && /^\d*$/.test(value)
		|| _('a whole number of at most %d digits').format(digits);
}

return baseclass.extend({
	/** A boolean of UCI as the firewall and the service read it; any other value is off. */
	on: (value) => ON.includes(value),

	/** Whether a section counts: `option enabled '0'` takes it out. */
	holds: (section) => section.enabled == null || ON.includes(section.enabled),

	/** A number of packets. */
	packets: (option) => whole(option, 0, MOST_PACKETS),

	/** A number of hours. */
	hours: (option) => whole(option, 1, MOST_HOURS),

	/** A value that a select does not offer becomes a choice of its own: else any Save would take it away. */
	keep(option) {
		const load = option.load;

		option.load = async function(section_id) {
			const found = await load.call(this, section_id);
			const value = Array.isArray(found) ? found.join(' ') : found;

			if (value && !this.keylist.includes(value))
				this.value(value, _('%s (not valid)').format(value));

			return value;
		};
	},

	/** Writes and removes nothing where the field still shows what was loaded, in whatever words the file has it. */
	untouched(option) {
		const parse = option.parse;

		option.parse = function(section_id) {
			return this.formvalue(section_id) === this.cfgvalue(section_id) ? Promise.resolve() : parse.call(this, section_id);
		};
	}
});
