/* Call machine code without Python in between: functions of floats and Values, and a training step that is taken again
   on the same arrays. The definitions are Jitted in compiler/jit.py with Program in compiler/program.py, and TrainStep in
   compiler/train_step.py. What is not plain is left to them: a mode that is on, arguments by name or of another kind,
   something outside that changed, a result or a derivative that is not finite, a step that is not finished. */

enum { MOST_NUMBERS = 128 }; /* that a function reads and writes: they lie on the stack */

/* What the code of a function has, and of a step: see Program._code_of and BatchProgram.again. */
enum { OPERATION = 1, KINDS, LEAVES, HOLDS, OWNER, PARTS_OF_A_CALL };
enum { DATA = 1, PLACES, STATES, OUTSIDE, OPTIMIZER, NAMES_OF_ATTRIBUTES, OWNERS, PARTS_OF_A_STEP };
enum { UNMOVED, LR, STEPS, STATE }; /* names of attributes */

/* What jit(f) gives: Jitted, in Python, is a subclass. `code` is that of the program used last, or NULL. */
typedef struct call {
    PyObject_HEAD
    PyObject *code;
} call;

/* ---------------------------------------------------------------- jit(f)(x, y) */

/* NULL without an error where Python has to do it. */
static PyObject *call_code(core *c, PyObject *it, PyObject *args)
{
    PyObject *leaves = part(it, LEAVES), *operands[MOST_NUMBERS];
    Py_ssize_t given = PyBytes_GET_SIZE(part(it, KINDS)), count = given + PyTuple_GET_SIZE(leaves), derivatives = 0;
    const char *is_value = PyBytes_AS_STRING(part(it, KINDS));
    double numbers[MOST_NUMBERS], local[MOST_NUMBERS], sum = 0.0;
    if (PyTuple_GET_SIZE(args) != given || 2 * count + 1 > MOST_NUMBERS)
        return NULL;
    if (part(it, HOLDS) != Py_None) { /* the function reads something outside */
        PyObject *yes = PyObject_CallNoArgs(part(it, HOLDS));
        Py_XDECREF(yes);
        if (yes != Py_True)
            return NULL;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *x = operands[i] = i < given ? PyTuple_GET_ITEM(args, i) : PyTuple_GET_ITEM(leaves, i - given);
        int values = 0, wanted = i >= given || is_value[i];
        if (!(wanted || PyFloat_CheckExact(x)) || !plain_number(c, x, &numbers[i], &values) || values != wanted)
            return NULL;
        derivatives += wanted;
    }
    ((void (*)(double *))address(it, RUN))(numbers); /* writes its outputs after its inputs */
    const double *out = numbers + count;
    for (Py_ssize_t i = 0; i <= derivatives; i++)
        sum += out[i];
    if (!isfinite(sum))
        return NULL;
    if (!derivatives)
        return PyFloat_FromDouble(out[0]);
    for (Py_ssize_t i = 0, k = 0; i < count; i++)
        local[i] = i >= given || is_value[i] ? out[++k] : 0.0;
    return computed_from(c, new_node(c, part(it, OPERATION), out[0]), count, operands, numbers, local);
}

static PyObject *call_call(call *f, PyObject *args, PyObject *options)
{
    core *c = core_of(Py_TYPE(f));
    PyObject *out = NULL;
    if (is_code(f->code, PARTS_OF_A_CALL) && !options && mode_of(c) == PLAIN) {
        PyObject *it = Py_NewRef(f->code); /* another call may put other code here */
        out = call_code(c, it, args);
        Py_DECREF(it);
    }
    if (out || PyErr_Occurred())
        return out;
    PyObject *python = PyObject_GetAttrString((PyObject *)f, "_called");
    out = python ? PyObject_Call(python, args, options) : NULL;
    Py_XDECREF(python);
    return out;
}

/* ---------------------------------------------------------------- step(X, y) */

/* Whether the optimizer, whose attributes are given, takes the step as before; sets how many steps it has taken. */
static int is_as_before(PyObject *it, PyObject *attributes, int64_t *taken)
{
    PyObject *names = part(it, NAMES_OF_ATTRIBUTES), *states = part(it, STATES);
    PyObject *lr = PyDict_GetItemWithError(attributes, PyTuple_GET_ITEM(names, LR));
    PyObject *steps = PyDict_GetItemWithError(attributes, PyTuple_GET_ITEM(names, STEPS));
    PyObject *state = PyDict_GetItemWithError(attributes, PyTuple_GET_ITEM(names, STATE));
    int overflow;
    if (!lr || !PyFloat_CheckExact(lr) || PyFloat_AS_DOUBLE(lr) != *(double *)address(it, RATE) || !steps ||
        !PyLong_CheckExact(steps) || !state || !PyDict_CheckExact(state))
        return 0;
    *taken = PyLong_AsLongLongAndOverflow(steps, &overflow);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(states); i++) {
        PyObject *name = PyTuple_GET_ITEM(PyTuple_GET_ITEM(states, i), 0);
        if (PyDict_GetItemWithError(state, name) != PyTuple_GET_ITEM(PyTuple_GET_ITEM(states, i), 1))
            return 0;
    }
    return !overflow && *taken >= 0 && *taken < INT64_MAX;
}

/* Whether memory still holds the same: (address, bytes), ... An address is valid if the bytes before it are the same. */
static int are_in_place(PyObject *places)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(places); i++) {
        PyObject *place = PyTuple_GET_ITEM(places, i), *then = PyTuple_GET_ITEM(place, 1);
        if (memcmp(PyLong_AsVoidPtr(PyTuple_GET_ITEM(place, 0)), PyBytes_AS_STRING(then), PyBytes_GET_SIZE(then)))
            return 0;
    }
    return 1;
}

static int are_the_same(PyObject *data, PyObject *then)
{
    int same = PyTuple_GET_SIZE(data) == PyTuple_GET_SIZE(then);
    for (Py_ssize_t i = 0; same && i < PyTuple_GET_SIZE(then); i++)
        same = PyTuple_GET_ITEM(data, i) == PyTuple_GET_ITEM(then, i);
    return same;
}

/* take(code, data, optimizer): the loss; None if Python has to take the step; a status if it has begun but is not
   finished. */
static PyObject *core_take(PyObject *module, PyObject *args)
{
    PyObject *it, *data, *optimizer, *check, *yes = NULL, *attributes, *after = NULL, *out = NULL;
    int64_t taken, status;
    if (!PyArg_ParseTuple(args, "OO!O", &it, &PyTuple_Type, &data, &optimizer))
        return NULL;
    if (!is_code(it, PARTS_OF_A_STEP) || optimizer != part(it, OPTIMIZER) ||
        !are_the_same(data, part(it, DATA)))
        Py_RETURN_NONE;
    if ((check = PyObject_GetAttr(part(it, OUTSIDE), PyTuple_GET_ITEM(part(it, NAMES_OF_ATTRIBUTES), UNMOVED))))
        yes = PyObject_CallNoArgs(check);
    Py_XDECREF(check);
    Py_XDECREF(yes);
    if (yes != Py_True)
        return yes ? Py_NewRef(Py_None) : NULL;
    if (!(attributes = PyObject_GenericGetDict(optimizer, NULL)))
        return NULL;
    if (!is_as_before(it, attributes, &taken) || !are_in_place(part(it, PLACES))) {
        out = PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
    }
    else if ((after = PyLong_FromLongLong(taken + 1))) { /* before the step, because it may fail */
        *(int64_t *)address(it, RESTART) = *(int64_t *)address(it, ASKED) = 1;
        *(int64_t *)address(it, TAKEN) = taken;
        Py_BEGIN_ALLOW_THREADS
        status = ((int64_t (*)(void *))address(it, RUN))(address(it, CONTEXT));
        Py_END_ALLOW_THREADS
        if (status)
            out = PyLong_FromLongLong(status);
        else if (!PyDict_SetItem(attributes, PyTuple_GET_ITEM(part(it, NAMES_OF_ATTRIBUTES), STEPS), after))
            out = PyFloat_FromDouble(*(double *)address(it, LOSS));
    }
    Py_XDECREF(after);
    Py_DECREF(attributes);
    return out;
}

/* ---------------------------------------------------------------- the type */

static int call_traverse(call *f, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(f));
    Py_VISIT(f->code);
    return 0;
}

static int call_clear(call *f)
{
    Py_CLEAR(f->code);
    return 0;
}

static void call_dealloc(call *f)
{
    PyTypeObject *type = Py_TYPE(f);
    PyObject_GC_UnTrack(f);
    call_clear(f);
    type->tp_free(f);
    Py_DECREF(type);
}

static PyObject *get_code(call *f, void *unused)
{
    return Py_NewRef(f->code ? f->code : Py_None);
}

static int set_code(call *f, PyObject *x, void *unused)
{
    if (x && x != Py_None && !is_code(x, PARTS_OF_A_CALL)) {
        PyErr_Format(PyExc_TypeError, "_code is the parts of a compiled call, or None; this is %R", x);
        return -1;
    }
    Py_XSETREF(f->code, Py_XNewRef(x));
    return 0;
}

static PyGetSetDef call_attributes[] = {{"_code", (getter)get_code, (setter)set_code, NULL, NULL},
                                        {NULL, NULL, NULL, NULL, NULL}};
