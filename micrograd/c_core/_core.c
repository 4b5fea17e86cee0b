/* The native core: a computation graph's nodes in C. Python's definition of the same is node.py, engine.py and
   operators.py; results are equal to the last bit. Read in this order:

       rules.h         the value and the local derivatives of each row of the table, written by export/c_rules.py
       node.h          what a node keeps; how it is made and freed
       attributes.h    data, grad, label and the others, as Python sees them
       operations.h    record an operation: x + y, x.tanh(), tanh(x)
       several.h       several results of one call, which share their operands and go back together
       sweep.h         the topological order, and backward through it
       calls.h         call what jit(f) and train_step compiled
*/

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <structmember.h>

#ifdef Py_GIL_DISABLED
#error "the native core needs the interpreter lock: a free-threaded Python runs micrograd's Python core"
#endif

#include "rules.h"
#include "node.h"
#include "attributes.h"
#include "operations.h"
#include "several.h"
#include "sweep.h"
#include "calls.h"

static PyType_Slot node_slots[] = {
    {Py_tp_doc, "Node(data, _children=(), _op='', label='')\n--\n\n" /* which inspect.signature(Value) reads */
                "A place in a graph: `data`, the gradient `grad`, a `label`, the operands `_prev`, and what made it."},
    {Py_tp_init, node_init},
    {Py_tp_dealloc, node_dealloc},
    {Py_tp_traverse, node_traverse},
    {Py_tp_clear, node_clear},
    {Py_tp_getset, node_attributes},
    {Py_tp_members, node_members},
    {Py_nb_add, node_add},
    {Py_nb_subtract, node_sub},
    {Py_nb_multiply, node_mul},
    {Py_nb_true_divide, node_div},
    {Py_nb_negative, node_neg},
    {Py_nb_absolute, node_abs},
    {Py_nb_power, node_pow},
    {0, NULL}};

static PyType_Spec node_spec = {
    "micrograd.node.Node", sizeof(node), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, node_slots};

static PyType_Slot operation_slots[] = {
    {Py_tp_doc, "A function of the table of operations, and a method of Value."},
    {Py_tp_new, operation_new},
    {Py_tp_dealloc, operation_dealloc},
    {Py_tp_traverse, operation_traverse},
    {Py_tp_clear, operation_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_descr_get, operation_get},
    {Py_tp_repr, operation_repr},
    {Py_tp_getset, operation_attributes},
    {Py_tp_members, operation_members},
    {Py_tp_methods, operation_methods},
    {0, NULL}};

static PyType_Spec operation_spec = {
    "micrograd.table.Operation", sizeof(operation), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    operation_slots};

static PyType_Slot call_slots[] = {
    {Py_tp_doc, "What jit(f) gives: calls with floats and Values go to machine code, others to Python."},
    {Py_tp_dealloc, call_dealloc},
    {Py_tp_traverse, call_traverse},
    {Py_tp_clear, call_clear},
    {Py_tp_call, call_call},
    {Py_tp_getset, call_attributes},
    {0, NULL}};

static PyType_Spec call_spec = {
    "micrograd.c_core._core.Call", sizeof(call), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    call_slots};

static PyType_Slot results_slots[] = {
    {Py_tp_doc, "What several results of one call share."},
    {Py_tp_init, results_init},
    {Py_tp_dealloc, results_dealloc},
    {Py_tp_traverse, results_traverse},
    {Py_tp_clear, results_clear},
    {Py_tp_members, results_members},
    {Py_tp_methods, results_methods},
    {0, NULL}};

static PyType_Spec results_spec = {
    "micrograd.c_core._core.Results", sizeof(results), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    results_slots};

static PyType_Slot one_of_slots[] = {
    {Py_tp_doc, "Which of several results a node is."},
    {Py_tp_init, one_of_init},
    {Py_tp_dealloc, one_of_dealloc},
    {Py_tp_traverse, one_of_traverse},
    {Py_tp_clear, one_of_clear},
    {Py_tp_members, one_of_members},
    {0, NULL}};

static PyType_Spec one_of_spec = {
    "micrograd.c_core._core.OneOf", sizeof(one_of), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    one_of_slots};

static PyObject *value_alloc(PyTypeObject *type, Py_ssize_t unused)
{
    core *c = core_of(type);
    if (!c->spares || type != (PyTypeObject *)c->Value)
        return PyType_GenericAlloc(type, 0);
    node *v = from_spare(c);
    memset((char *)v + sizeof(PyObject), 0, sizeof(node) - sizeof(PyObject));
    PyObject_GC_Track(v);
    return (PyObject *)v;
}

static PyObject *core_bind(PyObject *module, PyObject *none, PyObject *given)
{
    core *c = PyModule_GetState(module);
    PyObject *x;
    if (!given || PyTuple_GET_SIZE(none)) {
        PyErr_SetString(PyExc_TypeError, "bind takes names: bind(Value=Value, ...)");
        return NULL;
    }
#define BIND(name) \
    if ((x = PyDict_GetItemString(given, #name))) \
        Py_XSETREF(c->name, Py_NewRef(x));
    FROM_PYTHON(BIND)
    if (c->Value) { /* it adds nothing to a node, so each Value is spared the search for what makes and frees one */
        PyTypeObject *type = (PyTypeObject *)c->Value;
        type->tp_dealloc = (destructor)node_dealloc;
        type->tp_traverse = (traverseproc)node_traverse;
        type->tp_clear = (inquiry)node_clear;
        type->tp_alloc = value_alloc;
    }
    Py_RETURN_NONE;
}

/* install(row, entry, infix, expands): the row's Op; what its operator does in Python; the rows that its rule expands.
   `expands` is None where the rule is not the one that C was generated from: the row then runs in Python. */
static PyObject *core_install(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    PyObject *entry, *infix, *expands;
    int r;
    if (!PyArg_ParseTuple(args, "iOOO", &r, &entry, &infix, &expands))
        return NULL;
    if (r < 0 || r >= ROWS)
        return PyErr_Format(PyExc_ValueError, "there is no row %d", r);
    Py_ssize_t count = expands == Py_None ? 0 : PyTuple_Check(expands) ? PyTuple_GET_SIZE(expands) : -1;
    int fits = count >= 0;
    for (Py_ssize_t i = 0; i < count && fits; i++) {
        long other = PyLong_AsLong(PyTuple_GET_ITEM(expands, i));
        fits = 0 <= other && other < ROWS;
    }
    if (!fits) {
        PyErr_Clear();
        return PyErr_Format(PyExc_ValueError, "`expands` is None or a tuple of rows, not %R", expands);
    }
    row *one = &c->rows[r];
    PyObject *rule = PyObject_GetAttrString(entry, "rule");
    if (!rule)
        return NULL;
    Py_XSETREF(one->entry, Py_NewRef(entry));
    Py_XSETREF(one->infix, Py_NewRef(infix));
    Py_XSETREF(one->rule, rule);
    one->is_built = expands != Py_None && PyFunction_Check(rule);
    Py_XSETREF(one->code, one->is_built ? Py_NewRef(PyFunction_GET_CODE(rule)) : NULL);
    Py_XSETREF(one->settings, one->is_built ? Py_XNewRef(PyFunction_GET_KW_DEFAULTS(rule)) : NULL);
    PyObject *held = one->settings ? PyDict_Values(one->settings) : NULL;
    Py_XSETREF(one->defaults, held ? PyList_AsTuple(held) : NULL);
    Py_XDECREF(held);
    one->is_built = one->is_built && count <= MOST_EXPANDED && !one->settings == !one->defaults;
    memset(one->expands, -1, sizeof(one->expands));
    for (Py_ssize_t i = 0; one->is_built && i < count; i++)
        one->expands[i] = (int)PyLong_AsLong(PyTuple_GET_ITEM(expands, i));
    PyDict_Clear(c->int_powers);
    PyDict_Clear(c->float_powers);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* set_active(count): how many modes are entered, in all threads. */
static PyObject *core_set_active(PyObject *module, PyObject *count)
{
    ((core *)PyModule_GetState(module))->modes = PyLong_AsLong(count);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

/* put(state, name, value): set one of this thread's modes in Python and here. One call of C's, so that Ctrl-C cannot come
   in the midst of it. */
static PyObject *core_put(PyObject *module, PyObject *args)
{
    core *c = PyModule_GetState(module);
    PyObject *state, *name, *value;
    if (!PyArg_ParseTuple(args, "OOO", &state, &name, &value) || PyObject_SetAttr(state, name, value) < 0)
        return NULL;
    PyObject *recorder = PyObject_GetAttrString(state, "recorder");
    PyObject *anomaly = recorder ? PyObject_GetAttrString(state, "anomaly") : NULL;
    PyObject *no_grad = anomaly ? PyObject_GetAttrString(state, "no_grad") : NULL;
    intptr_t mode = PLAIN;
    if (recorder && anomaly && no_grad && (recorder != Py_None || PyObject_IsTrue(anomaly)))
        mode = PYTHON;
    else if (no_grad && PyObject_IsTrue(no_grad))
        mode = NO_GRAD;
    Py_XDECREF(recorder);
    Py_XDECREF(anomaly);
    Py_XDECREF(no_grad);
    if (PyErr_Occurred())
        return NULL;
    return PyThread_tss_set(&c->thread_mode, (void *)mode) ? PyErr_NoMemory() : Py_NewRef(Py_None);
}

/* keep_in(node, view, place): move a node's number to view[place], a memoryview of doubles, which the node then owns. */
static PyObject *core_keep_in(PyObject *module, PyObject *args)
{
    PyObject *x, *memory;
    Py_ssize_t place;
    Py_buffer view;
    if (!PyArg_ParseTuple(args, "OOn", &x, &memory, &place) || !checked(PyModule_GetState(module), x))
        return NULL;
    node *v = (node *)x;
    if (PyObject_GetBuffer(memory, &view, PyBUF_CONTIG | PyBUF_FORMAT) < 0)
        return NULL;
    int fits = view.format && !strcmp(view.format, "d") && 0 <= place && place < view.len / (Py_ssize_t)sizeof(double);
    double *at = (double *)view.buf + place;
    PyBuffer_Release(&view);
    if (!fits || !number_of(v))
        return PyErr_Format(PyExc_ValueError, "there is no double at place %zd, or %R has no number", place, x);
    if (!with_extra(v))
        return NULL;
    *at = *number_of(v);
    extra_of(v)->at = at;
    set_flags(v, HAS_NUMBER, IN_MEMORY);
    Py_XSETREF(extra_of(v)->memory, Py_NewRef(memory));
    Py_RETURN_NONE;
}

/* bring_home(node, view): move a node's number into the node again, if it is in this memory. */
static PyObject *core_bring_home(PyObject *module, PyObject *args)
{
    PyObject *x, *memory;
    if (!PyArg_ParseTuple(args, "OO", &x, &memory) || !checked(PyModule_GetState(module), x))
        return NULL;
    node *v = (node *)x;
    if (v->flags & IN_MEMORY && extra_of(v)->memory == memory)
        leave_memory(v);
    Py_RETURN_NONE;
}

/* free_spares(): give the memory of freed nodes back to Python. */
static PyObject *core_free_spares(PyObject *module, PyObject *unused)
{
    core *c = PyModule_GetState(module);
    c->made = 0;
    while (c->spares)
        PyObject_GC_Del(take_spare(c));
    Py_RETURN_NONE;
}

static PyMethodDef core_functions[] = {
    {"backward", core_backward, METH_O, NULL},
    {"begin", core_begin, METH_O, NULL},
    {"send", core_send, METH_O, NULL},
    {"take", core_take, METH_VARARGS, NULL},
    {"sibling", core_sibling, METH_VARARGS, NULL},
    {"order_beyond", core_order_beyond, METH_VARARGS, NULL},
    {"bind", (PyCFunction)(void (*)(void))core_bind, METH_VARARGS | METH_KEYWORDS, NULL},
    {"install", core_install, METH_VARARGS, NULL},
    {"set_active", core_set_active, METH_O, NULL},
    {"put", core_put, METH_VARARGS, NULL},
    {"keep_in", core_keep_in, METH_VARARGS, NULL},
    {"bring_home", core_bring_home, METH_VARARGS, NULL},
    {"free_spares", core_free_spares, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL}};

#ifndef MICROGRAD_SOURCES /* setup.py's checksum of the C that is compiled: see sources.py */
#define MICROGRAD_SOURCES 0
#endif

/* `rows`: for each row that is in C, its number here and the fingerprint of the rule that it was generated from. */
static int add_rows(PyObject *module)
{
    PyObject *rows = PyDict_New();
    int status = rows ? 0 : -1;
    for (int r = 0; !status && r < ROWS; r++) {
        PyObject *one = Py_BuildValue("(is)", r, ROW_CODE[r].fingerprint);
        status = one ? PyDict_SetItemString(rows, ROW_CODE[r].name, one) : -1;
        Py_XDECREF(one);
    }
    status = status ? status : PyModule_AddObjectRef(module, "rows", rows);
    status = status ? status : PyModule_AddIntConstant(module, "sources", MICROGRAD_SOURCES);
    Py_XDECREF(rows);
    return status;
}

static int core_exec(PyObject *module)
{
    core *c = PyModule_GetState(module);
    PyObject *coerce = PyImport_ImportModule("micrograd.coerce");
    PyObject *base = coerce ? PyObject_GetAttrString(coerce, "Recordable") : NULL;
    Py_XDECREF(coerce);
    if (!base)
        return -1;
    c->Node = (PyTypeObject *)PyType_FromModuleAndSpec(module, &node_spec, base);
    Py_DECREF(base);
    if (!c->Node || PyModule_AddObjectRef(module, "Node", (PyObject *)c->Node) < 0)
        return -1;
    const struct {
        const char *name;
        PyTypeObject **at;
        PyType_Spec *spec;
    } others[] = {{"Operation", &c->Operation, &operation_spec},
                  {"Call", &c->Call, &call_spec},
                  {"Results", &c->Results, &results_spec},
                  {"OneOf", &c->OneOf, &one_of_spec}};
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        PyObject *type = PyType_FromModuleAndSpec(module, others[i].spec, NULL);
        *others[i].at = (PyTypeObject *)type;
        if (!type || PyModule_AddObjectRef(module, others[i].name, type) < 0)
            return -1;
    }
    if (!(c->int_powers = PyDict_New()) || !(c->float_powers = PyDict_New()))
        return -1;
    if (PyThread_tss_create(&c->thread_mode)) {
        PyErr_NoMemory();
        return -1;
    }
    return add_rows(module);
}

#define VISIT(name) Py_VISIT(c->name);
#define CLEAR(name) Py_CLEAR(c->name);

static int core_traverse(PyObject *module, visitproc visit, void *arg)
{
    core *c = PyModule_GetState(module);
    VISIT(Node) VISIT(Operation) VISIT(Call) VISIT(Results) VISIT(OneOf) VISIT(int_powers) VISIT(float_powers)
    FROM_PYTHON(VISIT)
    for (int r = 0; r < ROWS; r++) {
        VISIT(rows[r].entry) VISIT(rows[r].rule) VISIT(rows[r].infix)
        VISIT(rows[r].code) VISIT(rows[r].settings) VISIT(rows[r].defaults)
    }
    return 0;
}

static int core_clear(PyObject *module)
{
    core *c = PyModule_GetState(module);
    Py_XDECREF(core_free_spares(module, NULL)); /* while their type is there */
    for (int r = 0; r < ROWS; r++) {
        c->rows[r].is_built = 0;
        CLEAR(rows[r].entry) CLEAR(rows[r].rule) CLEAR(rows[r].infix)
        CLEAR(rows[r].code) CLEAR(rows[r].settings) CLEAR(rows[r].defaults)
    }
    CLEAR(Node) CLEAR(Operation) CLEAR(Call) CLEAR(Results) CLEAR(OneOf) CLEAR(int_powers) CLEAR(float_powers)
    FROM_PYTHON(CLEAR)
    return 0;
}

static void core_free(void *module)
{
    core_clear(module);
    PyThread_tss_delete(&((core *)PyModule_GetState(module))->thread_mode);
}

static PyModuleDef_Slot core_slots[] = {
    {Py_mod_exec, core_exec},
#ifdef Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL}};

static struct PyModuleDef core_module = {
    PyModuleDef_HEAD_INIT, "_core", "Nodes of computation graphs, in C.", sizeof(core), core_functions,
    core_slots, core_traverse, core_clear, core_free};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&core_module);
}
